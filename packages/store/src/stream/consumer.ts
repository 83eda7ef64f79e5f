import { errorFields, PrimumError, type Log } from '@primum/base';
import type { Db } from '../database/open-db.ts';
import type { Sql } from '../database/sql.ts';
import { readStream, type StreamEvent } from './read.ts';
import type { NumberedSource } from './sequencer.ts';
import { createWake } from './wake.ts';

export type ConsumerOptions = {
  tenant: number;
  /** Names the offset; two consumers of one name share the work of one. */
  name: string;
  topics: readonly string[];
  batchSize?: number;
  signal: AbortSignal;
  /** Where a consumer that was never here before starts: the oldest event kept (default), or what comes from now on. */
  from?: 'oldest' | 'now';
  pollMs?: number;
  /** The longest pause between two attempts at a batch that fails; 30,000 ms. */
  longestPauseMs?: number;
};

/** Effects go through `tx`. What it returns runs after the commit (kicks, notifications); it must not fail. */
export type Handle = (tx: Sql, events: StreamEvent[]) => Promise<void | (() => void)>;

/** An offset that stands still because no event was for this consumer is written when it lags this far behind. */
const lazyOffset = 5_000;

/**
 * Hands events of the topics to `handle`, in order, each exactly once in its effect: the offset moves in the
 * transaction that holds the effect, under a lock on the offset's row, so that a crash undoes both and a second
 * process of the same name waits and then goes on behind the first.
 *
 * A batch that fails is tried again, halved each time down to a single event, with pauses that grow to a bound. Nothing
 * is skipped: a consumer that can't go on says so in the log until it can.
 *
 * Resolves when the signal has fired and the batch in hand is done.
 */
export async function runConsumer(deps: { db: Db; sequencer?: NumberedSource; log: Log }, options: ConsumerOptions, handle: Handle): Promise<void> {
  const { db, sequencer, log } = deps;
  const { tenant, name, topics, signal, batchSize = 100, pollMs = 200, longestPauseMs = 30_000 } = options;
  const wake = createWake();
  let told = false;
  const unsubscribe = sequencer?.onNumbered((numbered) => {
    if (numbered.tenant !== tenant || !topics.some((topic) => numbered.topics.has(topic))) return;
    told = true;
    wake.wake();
  });

  let known = false;
  let scanned = 0; // no event up to here is still to be handled by us; at least the offset that we last saw
  let limit = batchSize;
  let failures = 0;
  try {
    while (!signal.aborted) {
      try {
        if (!known) {
          scanned = await ensureOffset(db, options);
          known = true;
        }
        // Without word of an event look first: a transaction that only locks would still cost an fsync.
        if (!told && !(await anyFor(db, tenant, topics, scanned))) {
          scanned = await keepUp(db, options, scanned);
          await wake.wait(pollMs, signal);
          continue;
        }
        told = false;
        const batch = await handleBatch(db, options, scanned, limit, handle);
        scanned = Math.max(scanned, batch.upToSeq);
        failures = 0;
        if (batch.full) told = true;
        limit = Math.min(batchSize, limit * 2);
        runAfter(batch.after, log, name);
      } catch (error) {
        failures += 1;
        const seq = error instanceof BatchError ? error.seq : scanned;
        const cause = error instanceof BatchError ? error.cause : error;
        log.error('consumer.failed', { ...errorFields(cause), consumer: name, tenant, seq, attempt: failures });
        const outage = cause instanceof PrimumError && cause.code.startsWith('store.');
        if (!outage) limit = Math.max(1, limit >> 1);
        told = true;
        await createWake().wait(Math.min(longestPauseMs, 25 * 2 ** Math.min(failures, 20)), signal);
      }
    }
  } finally {
    unsubscribe?.();
  }
}

/** Says at which event a batch failed. */
class BatchError extends Error {
  readonly seq: number;

  constructor(seq: number, cause: unknown) {
    super('a batch failed', { cause });
    this.seq = seq;
  }
}

async function ensureOffset(db: Db, { tenant, name, from }: ConsumerOptions): Promise<number> {
  await db.query(
    `insert into consumer_offset (tenant, consumer, seq)
     select $1, $2, case when $3 then coalesce((select seq from stream_head where tenant = $1), 0) else 0 end
     on conflict do nothing`,
    [tenant, name, from === 'now'],
  );
  const [row] = await db.query<{ seq: number }>('select seq from consumer_offset where tenant = $1 and consumer = $2', [tenant, name]);
  return row?.seq ?? 0;
}

async function anyFor(db: Db, tenant: number, topics: readonly string[], afterSeq: number): Promise<boolean> {
  const rows = await db.query('select 1 from stream_event where tenant = $1 and seq > $2 and topic = any($3) limit 1', [tenant, afterSeq, topics]);
  return rows.length > 0;
}

/** Moves an idle consumer's place, so that what it does not read isn't scanned again, or kept for it, for ever. */
async function keepUp(db: Db, { tenant, name, topics }: ConsumerOptions, scanned: number): Promise<number> {
  const { events, upToSeq } = await readStream(db, { tenant, afterSeq: scanned, topics, limit: 1 });
  if (events.length > 0 || upToSeq < scanned + lazyOffset) return scanned;
  await db.query('update consumer_offset set seq = greatest(seq, $3) where tenant = $1 and consumer = $2', [tenant, name, upToSeq]);
  return upToSeq;
}

type Batch = { upToSeq: number; full: boolean; after: (() => void) | undefined };

async function handleBatch(db: Db, { tenant, name, topics }: ConsumerOptions, scanned: number, limit: number, handle: Handle): Promise<Batch> {
  return db.transaction(async (tx) => {
    const locked = tx.query<{ seq: number }>('select seq from consumer_offset where tenant = $1 and consumer = $2 for update', [tenant, name]);
    // Sent with the lock, not after it: right in all but the rare case that another process moved the offset.
    const guess = readStream(tx, { tenant, afterSeq: scanned, topics, limit });
    guess.catch(() => undefined); // where the lock fails this fails too, with nobody waiting for it
    const offset = (await locked)[0]?.seq ?? 0;
    const afterSeq = Math.max(offset, scanned);
    const { events, upToSeq } = afterSeq === scanned ? await guess : (await guess, await readStream(tx, { tenant, afterSeq, topics, limit }));
    const first = events[0];
    if (first === undefined) return { upToSeq: Math.max(upToSeq, afterSeq), full: false, after: undefined };
    let after: void | (() => void);
    try {
      after = await handle(tx, events);
    } catch (error) {
      throw new BatchError(first.seq, error);
    }
    // Not waited for: it travels with the commit, which fails if it did.
    const moved = tx.query('update consumer_offset set seq = $3 where tenant = $1 and consumer = $2', [tenant, name, upToSeq]);
    moved.catch(() => undefined);
    return { upToSeq, full: events.length === limit, after: after ?? undefined };
  });
}

function runAfter(after: (() => void) | undefined, log: Log, consumer: string): void {
  try {
    after?.();
  } catch (error) {
    log.error('consumer.after-commit-failed', { ...errorFields(error), consumer });
  }
}
