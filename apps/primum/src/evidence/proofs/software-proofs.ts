import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { arch, cpus, platform, release } from 'node:os';
import type { ReplayReport } from '@primum/contract';
import { tenant, type Core } from '../../core.ts';
import { loadServedModel } from '../../models.ts';
import { version } from '../../version.ts';
import { expectThat, type Proof } from '../proof.ts';
import type { Scratch } from '../scratch.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..', '..');

export const predictionReplay = (times: number): Proof<Scratch> => ({
  id: 'prediction-replay', title: 'Scores are rebuilt from the record bit for bit', again: 'primum replay ID; npm run torture -- replay',
  run: async ({ as, primum: { core } }) => {
    const rows = await core.db.query<{ id: string; status: string }>("select id, status from prediction where tenant = $1 order by status = 'scored' desc, id desc limit $2", [tenant, times]);
    const scored = rows.filter(({ status }) => status === 'scored').length;
    expectThat(scored > 0, 'nothing was scored');
    const outcomes: Record<string, number> = {};
    for (const { id } of rows) {
      const { outcome } = await as<ReplayReport>('clinician', { method: 'POST', path: `/api/predictions/${id}/replay` });
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    return { passed: outcomes['identical'] === rows.length, says: `${scored} scores (and ${rows.length - scored} that were withheld) were computed again from the record as it stood: ${outcomes['identical'] ?? 0} identical.`, figures: { scored, outcomes } };
  },
});

/** What runs: versions, digests, the signed model, the schema. For change management, not a judgement. */
export const softwareInventory: Proof<Core> = {
  id: 'software-inventory', title: 'What runs here: versions, the signed model, the schema', again: 'package-lock.json; GET /api/model',
  run: async ({ db, home, mode, keys }) => {
    const model = await loadServedModel(home);
    const migrations = await db.query<{ version: number }>('select version from schema_migration order by version');
    const [server] = await db.query<{ version: string }>("select current_setting('server_version') as version");
    const { store, masterFrom } = await keys.status(tenant);
    const lock = readFileSync(join(root, 'package-lock.json'));
    return {
      passed: true, says: `Primum ${version} on Node ${process.version} and PostgreSQL ${server?.version}; the served model’s package has a good signature of a trusted maker; ${migrations.length} migrations.`,
      figures: {
        primum: version, node: process.version, postgresql: server?.version, os: `${platform()} ${release()} ${arch()}`, cpu: cpus()[0]?.model ?? 'unknown', mode, keyStore: store, masterKeyFrom: masterFrom,
        lockSha256: createHash('sha256').update(lock).digest('hex'), model: { id: model.manifest.id, version: model.manifest.version, digest: model.digest }, schema: migrations.at(-1)?.version,
      },
    };
  },
};
