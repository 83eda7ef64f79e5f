import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields } from '@primum/base';
import type { Objects } from '@primum/store';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { objectReferences } from './object-references.ts';

export type SweepDeps = Pick<Core, 'db' | 'audit' | 'clock' | 'log'> & { objects: Pick<Objects, 'putBetween' | 'removeOlder'> };
export type Swept = { looked: number; removed: number };

const dayMs = 24 * 3_600_000;
const batch = 50_000;

const named = objectReferences.map(({ table, column, many }) => (many === true
  ? `select o.d from ${table} t cross join lateral unnest(t.${column}) as o(d)`
  : `select t.${column} from ${table} t where t.${column} = any($1::bytea[])`)).join(' union all ');
const unnamed = `select encode(d, 'hex') as digest from (select unnest($1::bytea[]) as d except (${named})) u`;

/**
 * Removes objects that no row names: a process that was killed between the object and its row left them, and what lies
 * under the tenant's key (the files of an export) would outlive the erasure of whom they speak of. An object is put before
 * its row is written, so only those of more than `ageMs` are looked at (an upload ends after half of that); what is put
 * again meanwhile stays. Objects that are older than the database are another's and stay, too. Never more than 50,000
 * digests in memory. On the audit log where something went.
 */
export async function sweepObjects({ db, audit, clock, log, objects }: SweepDeps, ageMs = dayMs): Promise<Swept> {
  const before = clock.now().getTime() - ageMs;
  const [{ at: born } = { at: null }] = await db.query<{ at: Date | null }>('select min(applied_at) as at from schema_migration');
  const swept = { looked: 0, removed: 0 };
  const sweep = async (digests: readonly string[]): Promise<void> => {
    swept.looked += digests.length;
    const orphans = await db.query<{ digest: string }>(unnamed, [digests.map((digest) => Buffer.from(digest, 'hex'))]);
    for (const { digest } of orphans) if (await objects.removeOlder(digest, before)) swept.removed += 1;
  };
  if (born !== null && born.getTime() < before) {
    let waiting: string[] = [];
    for await (const digests of objects.putBetween(born.getTime(), before)) {
      waiting = [...waiting, ...digests];
      if (waiting.length >= batch) await sweep(waiting.splice(0));
    }
    if (waiting.length > 0) await sweep(waiting);
  }
  if (swept.removed > 0) {
    await audit.write(db, [{ tenant, principal: mintSystemPrincipal('trust'), purpose: 'HSYSADMIN', action: 'objects.swept', outcome: 'success', at: clock.now(), entities: [{ type: 'count', id: String(swept.removed) }] }]);
    log.warn('objects-swept', { count: swept.removed });
  }
  return swept;
}

/** At the start, and once a day. A round that fails is logged and tried again after an hour. */
export function startObjectSweep(deps: SweepDeps): { close(): Promise<void> } {
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      let next = dayMs;
      try {
        await sweepObjects(deps);
      } catch (error) {
        deps.log.error('objects-sweep-failed', errorFields(error));
        next = 3_600_000;
      }
      await sleep(next, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return { close: async () => { stop.abort(); await running; } };
}
