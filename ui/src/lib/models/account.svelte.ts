import type { AccountView, KeyView } from '$ipc';
import { Rows } from './rows.svelte';

class Accounts extends Rows<AccountView> {
	at(provider: AccountView['provider']): AccountView[] {
		return this.all.filter((account) => account.provider === provider);
	}
}

class Keys extends Rows<KeyView> {}

export const accounts = new Accounts();
export const keys = new Keys();
