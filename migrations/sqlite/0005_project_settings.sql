-- How a project's files and their versions are treated; none means the usual.
ALTER TABLE projects ADD COLUMN settings TEXT;
