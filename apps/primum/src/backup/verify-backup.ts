import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageAad } from '@primum/ingest';
import { resourceAad } from '@primum/record';
import { payloadAad } from '@primum/serving';
import type { Clock, Log } from '@primum/base';
import { openDb, startPostgres, type Db } from '@primum/store';
import { verifyAudit, type Keys } from '@primum/trust';
import { tenant } from '../core.ts';
import { chooseBackup } from './backup-folder.ts';
import { restoreBackup } from './restore-backup.ts';

export type Drill = {
  backup: string;
  tables: number;
  rows: number;
  bytes: number;
  /** Every table's rows are those of the backup. */
  identical: boolean;
  differing: string[];
  /** The audit log, verified from its events upwards: rows opened and hashed again, and what does not fit. */
  audit: { checked: number; head: number; findings: number };
  /** Sealed values that were opened, by kind; `erased`: their patient's key was destroyed since. */
  opened: Readonly<Record<string, { opened: number; erased: number; failed: number }>>;
  /** Seconds since the moment that the backup holds: what was acknowledged after it would have to be sent again. */
  rpo_s: number;
  /** Seconds from nothing to a database that has every row, was compared, and answers. */
  rto_s: number;
  passed: boolean;
};

const samplesPerKind = 200;

/** The restore drill: restores a backup into a PostgreSQL that is started for it and removed again, and looks at everything. */
export async function verifyBackup(deps: { keys: Keys; clock: Clock; log: Log }, options: { directory: string; id?: string | undefined }): Promise<Drill> {
  const { keys, clock, log } = deps;
  const id = await chooseBackup(options.directory, options.id);
  const startedMs = performance.now();
  // Under root PostgreSQL runs as another user, who must get through.
  const scratch = mkdtempSync(join(process.getuid?.() === 0 ? '/var/tmp' : tmpdir(), 'primum-drill-'));
  chmodSync(scratch, 0o711);
  try {
    const home = join(scratch, 'home');
    const postgres = await startPostgres({ home, log });
    try {
      const { manifest, differing, rows } = await restoreBackup({ home, databaseUrl: postgres.connection.url, keys }, { directory: options.directory, id });
      const rto = (performance.now() - startedMs) / 1000;
      const db = await openDb({ url: postgres.connection.url, max: 2 });
      try {
        const audit = await verifyAudit(db, keys, { tenant });
        const headThen = manifest.heads.find((one) => one.log === 'audit' && one.tenant === tenant)?.seq ?? 0;
        const opened = await openSamples(db, keys);
        const failed = Object.values(opened).some((kind) => kind.failed > 0);
        return {
          backup: id, tables: manifest.tables.length, rows, bytes: manifest.tables.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
          identical: differing.length === 0, differing,
          audit: { checked: audit.checked, head: audit.head, findings: audit.findings.length + audit.tiles.length + audit.checkpoints.length }, opened,
          rpo_s: seconds((clock.now().getTime() - Date.parse(manifest.snapshotAt)) / 1000), rto_s: seconds(rto),
          passed: differing.length === 0 && audit.ok && audit.head === headThen && !failed,
        };
      } finally {
        await db.close();
      }
    } finally {
      await postgres.stop();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

type Sealed = { sealed: Buffer; aad: string };

/** Opens some values of each kind with the keys as they are today. */
async function openSamples(db: Db, keys: Keys): Promise<Drill['opened']> {
  const resources = await db.query<{ type: string; id: string; version: number; body: Buffer }>(
    'select type, id, version, body from resource where tenant = $1 order by id limit $2', [tenant, samplesPerKind]);
  const messages = await db.query<{ id: string; sealed: Buffer }>(
    "select id, sealed from message where tenant = $1 and sealed is not null and status <> 'received' order by id limit $2", [tenant, samplesPerKind]);
  const predictions = await db.query<{ id: string; sealed: Buffer }>('select id, sealed from prediction where tenant = $1 order by id limit $2', [tenant, samplesPerKind]);
  return {
    resource: await openAll(keys, resources.map(({ type, id, version, body }) => ({ sealed: body, aad: resourceAad(tenant, type, id, version) }))),
    message: await openAll(keys, messages.map(({ id, sealed }) => ({ sealed, aad: messageAad(tenant, id) }))),
    prediction: await openAll(keys, predictions.map(({ id, sealed }) => ({ sealed, aad: payloadAad(id) }))),
  };
}

async function openAll(keys: Keys, values: readonly Sealed[]): Promise<{ opened: number; erased: number; failed: number }> {
  const counts = { opened: 0, erased: 0, failed: 0 };
  for (const { sealed, aad } of values) {
    try {
      await keys.open(tenant, sealed, aad);
      counts.opened += 1;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'trust.key-missing') counts.erased += 1;
      else counts.failed += 1;
    }
  }
  return counts;
}

function seconds(value: number): number {
  return Math.round(value * 100) / 100;
}
