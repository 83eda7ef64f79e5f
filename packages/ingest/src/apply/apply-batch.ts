import type { Clock } from '@primum/base';
import { discardParts, readSites, type CodeTable, type SearchIndex, type StoredContent, type Validator } from '@primum/record';
import type { Db, Objects } from '@primum/store';
import type { Audit, Keys } from '@primum/trust';
import type { Mappings } from '../mapping/load-mappings.ts';
import type { FactCheck } from '../quality/check-fact.ts';
import type { SourceDirectory } from '../sources/source-directory.ts';
import { createBreather } from './breathe.ts';
import { flushBatch } from './flush-batch.ts';
import { loadState } from './load-state.ts';
import { moveClocks } from './move-clocks.ts';
import { prepareMessage, type ReadyMessage } from './prepare-messages.ts';
import { reduceBatch } from './reduce-batch.ts';
import { takeMessages } from './take-messages.ts';

export type ApplyDeps = { db: Db; keys: Keys; audit: Audit; codes: CodeTable; /** Rules of quality that act before a fact is written; none where absent. */ checkFact?: FactCheck; /** Of resources before they are written; none where absent. */ validator?: Pick<Validator, 'validate'>; mappings: Mappings; sources: SourceDirectory; clock: Clock; search: SearchIndex; objects: Objects };

export type BatchReport = { taken: number; applied: number; quarantined: number };

/**
 * One batch, one transaction: claim lanes and take their first messages, lock the patients, load, reduce in memory,
 * write. `onTaken` hears which messages the batch is about before anything can fail.
 */
export async function applyBatch(
  deps: ApplyDeps, tenant: number, options: { maxLanes: number; maxMessages: number; firstLane: number }, onTaken: (ids: readonly string[]) => void,
): Promise<BatchReport> {
  const stored: StoredContent[] = [];
  return deps.db.transaction(async (tx) => {
    const taken = await takeMessages(tx, tenant, options);
    onTaken(taken.map(({ id }) => id));
    if (taken.length === 0) return { taken: 0, applied: 0, quarantined: 0 };
    const breathe = createBreather();
    const ready: ReadyMessage[] = [];
    for (const message of taken) {
      ready.push(await prepareMessage({ ...deps, breathe }, tenant, message));
      await breathe();
    }
    const prepared = ready.flatMap((message) => message.prepared ?? []);
    const siteIds = [...new Set(prepared.map(({ source }) => source.siteId))];
    const [{ state, seq }, sites] = await Promise.all([loadState({ tx, keys: deps.keys }, tenant, prepared), readSites(tx, tenant, siteIds)]);
    const outcomes = await reduceBatch({ ...deps, breathe }, tenant, state, seq, ready);
    await flushBatch({ tx, keys: deps.keys, audit: deps.audit, search: deps.search, objects: deps.objects, stored, breathe }, tenant, { state, seq, outcomes, at: deps.clock.now() });
    await moveClocks(tx, tenant, sites, outcomes);
    const applied = outcomes.filter(({ effects }) => effects !== undefined).length;
    return { taken: outcomes.length, applied, quarantined: outcomes.length - applied };
  }).catch(async (error: unknown) => {
    await discardParts(deps.objects, stored, error);
    throw error;
  });
}
