import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, PrimumError, type Log } from '@primum/base';
import { createSearchIndex } from '@primum/record';
import { sqlState } from '@primum/store';
import { mintSystemPrincipal } from '@primum/trust';
import type { Backlog } from '../accept/backlog.ts';
import { laneCount } from '../reading/tokens.ts';
import { applyBatch, type ApplyDeps } from './apply-batch.ts';
import { GroupsMoved } from './load-state.ts';
import { rememberTokens } from './remember-tokens.ts';

export type ApplierDeps = Omit<ApplyDeps, 'search'> & {
  backlog: Backlog;
  log: Log;
  /** Called after each commit that changed the record: wakes the sequencer. */
  onCommitted?: () => void;
};

export type ApplierOptions = {
  tenant: number;
  /** Batches at once; while one waits for the database the other computes. 2. */
  workers?: number;
  /** Messages of one transaction. */
  maxBatch?: number;
  /** How often to look without being kicked: another process may have accepted. */
  pollMs?: number;
};

/**
 * Applies what was accepted, in the order of arrival within a lane. Several appliers, here or in other processes, share
 * the lanes by locks in the database. A batch whose transaction fails because of its data is done again one message at
 * a time, and the guilty one goes to quarantine; a fault of the database is waited out and never blamed on a message.
 */
export type Applier = {
  /** "Something was accepted": look now. */
  kick(): void;
  /** Resolves when nothing waited and nothing was in work at some moment after the call. */
  idle(): Promise<void>;
  figures(): { applied: number; quarantined: number };
  /** Waits for the batches in work. */
  close(): Promise<void>;
};

const databaseFaults: ReadonlySet<string> = new Set(['store.unreachable', 'store.disk-full', 'store.timeout', 'store.unsafe', 'trust.key-store-unusable']);
const longestBackoffMs = 5_000;
const retriesOfConflict = 5;
/** Between two batches of a burst: the disk and the processor are the listener's, and the next batch is a full one. */
const leastPauseMs = 50;
const longestPauseMs = 2_000;

export function createApplier(deps: ApplierDeps, options: ApplierOptions): Applier {
  const { log, backlog } = deps;
  const applying: ApplyDeps = { ...deps, search: createSearchIndex({ keys: rememberTokens(deps.keys) }, options.tenant) };
  const { tenant, workers = 2, maxBatch = 128, pollMs = 200 } = options;
  const stop = new AbortController();
  const counts = { applied: 0, quarantined: 0 };
  let kicks = 0;
  const wakers: (() => void)[] = [];
  const idlers: (() => void)[] = [];
  const idleWorkers = new Set<number>();

  const kick = (): void => {
    kicks += 1;
    idleWorkers.clear();
    for (const wake of wakers.splice(0)) wake();
  };

  const nextKick = (seen: number): Promise<void> => new Promise((resolve) => {
    if (kicks !== seen || stop.signal.aborted) return resolve();
    const timer = setTimeout(resolve, pollMs);
    wakers.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });

  const pause = (forMs: number): Promise<void> => sleep(forMs, undefined, { signal: stop.signal }).catch(() => undefined);

  const yieldToBurst = async (batchMs: number): Promise<void> => {
    const patience = backlog.patience();
    if (patience > 0) await pause(leastPauseMs);
    const until = performance.now() + Math.min(longestPauseMs, (patience - 1) * batchMs);
    while (!stop.signal.aborted && backlog.patience() > 1 && performance.now() < until) await pause(leastPauseMs);
  };

  const work = async (worker: number): Promise<void> => {
    const maxLanes = Math.ceil(laneCount / workers);
    let firstLane = Math.floor(worker * laneCount / workers);
    let failures = 0;
    let single = 0;
    let size = maxBatch;
    while (!stop.signal.aborted) {
      const seen = kicks;
      let taken: readonly string[] = [];
      const beganAt = performance.now();
      try {
        const report = await applyBatch(applying, tenant, { maxLanes, maxMessages: single > 0 ? 1 : size, firstLane }, (ids) => { taken = ids; });
        failures = 0;
        single = Math.max(0, single - 1);
        firstLane = (firstLane + maxLanes) % laneCount;
        if (report.taken > 0) {
          counts.applied += report.applied;
          counts.quarantined += report.quarantined;
          backlog.add(-report.taken);
          deps.onCommitted?.();
          // What was left behind may be another worker's: a message that needs both their lanes, or more than a batch.
          if (report.taken < taken.length) kick();
          // What a batch leaves behind was read in vain: where each message is a second word on the one before, few are taken.
          size = report.taken < taken.length ? Math.max(report.taken + 1, Math.ceil(size / 2)) : Math.min(maxBatch, size * 2);
          await yieldToBurst(performance.now() - beganAt);
          continue;
        }
        idleWorkers.add(worker);
        if (idleWorkers.size === workers && kicks === seen) {
          const waiting = await backlog.refresh();
          if (waiting === 0 && kicks === seen) {
            for (const idler of idlers.splice(0)) idler();
          }
        }
        await nextKick(seen);
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        const kind = kindOf(error);
        // Two that make the same organization, or join the same patients, at once are no fault: the later one is done again.
        const expected = kind === 'conflict' && failures <= retriesOfConflict;
        log[expected ? 'debug' : 'warn']('ingest.apply-retry', { ...errorFields(error), ...(kind === 'conflict' ? { code: 'store.conflict' } : {}), attempt: failures, count: taken.length, status: kind });
        if (kind === 'data' && taken.length === 1 && taken[0] !== undefined) {
          await quarantine(taken[0], error).catch((failure: unknown) => log.error('ingest.quarantine-failed', errorFields(failure)));
        } else if (kind === 'data' || (kind === 'conflict' && failures > retriesOfConflict)) {
          single = maxBatch;
        } else if (kind === 'database') {
          await pause(Math.min(longestBackoffMs, 50 * 2 ** Math.min(failures, 7)));
        }
      }
    }
  };

  const quarantine = async (messageId: string, error: unknown): Promise<void> => {
    const detail = error instanceof PrimumError ? error.code : 'a mistake of the applier';
    await deps.db.transaction(async (tx) => {
      const rows = await tx.query<{ id: string }>(`
        with moved as (
          update message set status = 'quarantined', reason_code = 'ingest.apply-failed', reason_detail = $3
          where tenant = $1 and id = $2 and status = 'received' returning id
        ), announced as (
          insert into outbox (tenant, topic, payload)
          select $1, 'message.quarantined', jsonb_build_object('messageId', id, 'code', 'ingest.apply-failed') from moved
        ) select id from moved`, [tenant, messageId, detail]);
      if (rows.length === 0) return;
      await deps.audit.write(tx, [{
        tenant, action: 'message.quarantined', outcome: 'serious-failure', principal: mintSystemPrincipal('ingest'), purpose: 'TREAT', at: deps.clock.now(),
        entities: [{ type: 'message', id: messageId }],
      }]);
      counts.quarantined += 1;
      backlog.add(-1);
    });
  };

  const running = backlog.refresh().catch(() => 0).then(() => Promise.all(Array.from({ length: workers }, (_, worker) => work(worker))));
  return {
    kick,
    idle: () => new Promise<void>((done) => {
      idlers.push(done);
      kick();
    }),
    figures: () => ({ ...counts }),
    close: async () => {
      stop.abort();
      for (const wake of wakers.splice(0)) wake();
      await running.catch(() => undefined);
      for (const idler of idlers.splice(0)) idler();
    },
  };
}

function kindOf(error: unknown): 'conflict' | 'database' | 'data' {
  if (error instanceof GroupsMoved || sqlState(error) === '23505') return 'conflict';
  if (error instanceof PrimumError && error.code === 'store.conflict') return 'conflict';
  return error instanceof PrimumError && databaseFaults.has(error.code) ? 'database' : 'data';
}
