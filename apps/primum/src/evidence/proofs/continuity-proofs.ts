import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { mintSystemPrincipal } from '@primum/trust';
import { makeKeyBackup } from '../../backup/key-backup.ts';
import { makeBackup } from '../../backup/make-backup.ts';
import { verifyBackup } from '../../backup/verify-backup.ts';
import { tenant, type Core } from '../../core.ts';
import type { Proof } from '../proof.ts';
import type { Scratch } from '../scratch.ts';

export const restoreDrill: Proof<Scratch> = {
  id: 'restore-drill', title: 'A backup is restored into a scratch database and compared row by row', again: 'primum backup --to DIR; primum backup verify --from DIR',
  run: async ({ folder, primum: { core } }) => {
    const principal = mintSystemPrincipal('cli:evidence');
    mkdirSync(join(folder, 'backups'));
    const made = await makeBackup(core, principal, { directory: join(folder, 'backups') });
    const keys = await makeKeyBackup(core, principal, { directory: join(folder, 'key-backups') });
    const drill = await verifyBackup({ keys: core.keys, clock: core.clock, log: silentLog }, { directory: join(folder, 'backups') });
    return {
      passed: drill.passed, says: `${drill.rows} rows of ${drill.tables} tables were restored in ${drill.rto_s} s and ${drill.identical ? 'are those of the backup' : 'differ'}; the audit log in it verified; ${Object.values(drill.opened).reduce((sum, { opened }) => sum + opened, 0)} sealed values opened.`,
      figures: { made, keys, drill },
    };
  },
};

const freshHours = 26;

/** Of this home: when the last backups of database and keys were made, out of its audit log. */
export const backupFreshness: Proof<Core> = {
  id: 'backup-freshness', title: 'This home was backed up within the last day', again: 'primum backup --to DIR; primum up --backup-dir DIR',
  run: async ({ db, clock }) => {
    const rows = await db.query<{ action: string; at: Date }>("select action, max(recorded_at) as at from audit_event where tenant = $1 and action in ('backup.made', 'key-backup.made') group by action", [tenant]);
    const hoursOf = (action: string): number | null => {
      const at = rows.find((row) => row.action === action)?.at;
      return at === undefined ? null : Math.round((clock.now().getTime() - at.getTime()) / 360_000) / 10;
    };
    const figures = { databaseHours: hoursOf('backup.made'), keysHours: hoursOf('key-backup.made'), boundHours: freshHours };
    const { databaseHours, keysHours } = figures;
    if (databaseHours === null && keysHours === null) return { passed: null, says: 'Primum has made no backup of this home. One made by other means does not show here.', figures };
    const fresh = [databaseHours, keysHours].every((hours) => hours !== null && hours <= freshHours);
    return { passed: fresh, says: `The last backup of the database is ${databaseHours ?? '–'} hours old, that of the keys ${keysHours ?? '–'} (bound: ${freshHours}).`, figures };
  },
};
