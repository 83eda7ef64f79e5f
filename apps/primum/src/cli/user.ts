import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, osUser, withCore } from './settings.ts';

export async function user(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { home: { type: 'string' } }, allowPositionals: true });
  const [verb, name] = positionals;
  await withCore(homeOf(values.home), async (core) => {
    if (verb === 'list') {
      const rows = await core.db.query<{ username: string; display_name: string; role: string }>('select username, display_name, role from app_user where tenant = $1 order by username', [tenant]);
      for (const row of rows) console.log(`${row.username.padEnd(14)} ${row.role.padEnd(22)} ${row.display_name}`);
    } else if (verb === 'reset' && name !== undefined) {
      const { password } = await core.identity.resetPassword(tenant, name, mintSystemPrincipal(`cli:${osUser()}`));
      console.log(`${name}: ${password}`);
    } else throw new PrimumError('config.usage', 'primum user list | reset NAME');
  });
}
