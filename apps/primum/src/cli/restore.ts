import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { startPostgres } from '@primum/store';
import { mintSystemPrincipal, openConfiguredKeys } from '@primum/trust';
import { chooseBackup } from '../backup/backup-folder.ts';
import { restoreKeys } from '../backup/key-backup.ts';
import { assertEmptyHome, restoreBackup } from '../backup/restore-backup.ts';
import { tenant } from '../core.ts';
import { homeOf, openLog, osUser, withCore } from './settings.ts';

/**
 * Restores a backup into a new home (or an empty DATABASE_URL). Keys come from a backup of theirs, or lie in the home's
 * `keys/` already; the master key from a file of its own. Prints one JSON object.
 */
export async function restore(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { home: { type: 'string' }, from: { type: 'string' }, id: { type: 'string' }, keys: { type: 'string' }, 'master-key': { type: 'string' } },
  });
  const { from, keys: keyBackup } = values;
  if (from === undefined || values.home === undefined) throw new PrimumError('config.usage', 'primum restore --from DIR --home NEW [--id ID] [--keys DIR] [--master-key FILE]');
  const startedMs = performance.now();
  const home = homeOf(values.home);
  await assertEmptyHome(home);
  const id = await chooseBackup(from, values.id);
  const keyDirectory = join(home, 'keys');
  await mkdir(keyDirectory, { recursive: true, mode: 0o700 });
  const masterKey = values['master-key'];
  if (masterKey !== undefined && !existsSync(join(keyDirectory, 'master.key'))) await copyFile(masterKey, join(keyDirectory, 'master.key'));
  const keysRestored = keyBackup === undefined ? undefined : await restoreKeys(home, { directory: keyBackup });
  const log = openLog(home);
  const databaseUrl = process.env['DATABASE_URL'];
  const keys = await openConfiguredKeys(home, { tenants: [tenant], masterKeyFile: process.env['PRIMUM_MASTER_KEY_FILE'] });
  const postgres = databaseUrl === undefined ? await startPostgres({ home, log }) : undefined;
  let restored;
  try {
    restored = await restoreBackup({ home, databaseUrl: databaseUrl ?? postgres!.connection.url, keys }, { directory: from, id });
  } finally {
    await postgres?.stop();
  }
  await withCore(home, (core) => core.audit.write(core.db, [{
    tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HSYSADMIN', action: 'backup.restored', outcome: 'success', at: core.clock.now(), entities: [{ type: 'backup', id }],
  }]));
  const { manifest, differing, rows } = restored;
  console.log(JSON.stringify({
    backup: id, as_of: manifest.snapshotAt, newest_message_at: manifest.newestMessageAt, tables: manifest.tables.length, rows, objects: manifest.objects.count,
    keys: keysRestored ?? null, identical: differing.length === 0, seconds: Math.round(performance.now() - startedMs) / 1000,
  }));
  if (differing.length > 0) process.exitCode = 1;
}
