-- The address that stays when the machine behind it goes.
ALTER TABLE servers ADD COLUMN reserved_ip TEXT;
