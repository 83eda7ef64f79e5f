import { PrimumError } from '@primum/base';
import type { Db } from '../database/open-db.ts';
import { readStream, type StreamEvent } from './read.ts';
import type { NumberedSource } from './sequencer.ts';
import { createWake } from './wake.ts';

export type TailOptions = {
  tenant: number;
  topics: readonly string[];
  /** The last number already seen; `streamHead` for "from now on". */
  afterSeq: number;
  signal: AbortSignal;
  batchSize?: number;
  pollMs?: number;
};

const longestPauseMs = 5_000;

/**
 * Batches of events as they appear, without an offset in the database: for readers that keep their own place (a
 * browser's Last-Event-ID). Ends when the signal fires. Events that were trimmed away are not there to be read: a
 * reader that was gone for longer than they are kept must load its state afresh. A database that is away for a while is
 * waited out, as a consumer does.
 */
export async function* tailStream(
  { db, sequencer }: { db: Db; sequencer?: NumberedSource },
  { tenant, topics, afterSeq, signal, batchSize = 500, pollMs = 200 }: TailOptions,
): AsyncGenerator<StreamEvent[], void, undefined> {
  const wake = createWake();
  const unsubscribe = sequencer?.onNumbered((numbered) => {
    if (numbered.tenant === tenant && topics.some((topic) => numbered.topics.has(topic))) wake.wake();
  });
  let failures = 0;
  try {
    for (let seq = afterSeq; !signal.aborted;) {
      const read = await readStream(db, { tenant, afterSeq: seq, topics, limit: batchSize }).catch((error: unknown) => {
        if (error instanceof PrimumError && error.code.startsWith('store.')) return undefined;
        throw error;
      });
      if (read === undefined) {
        failures += 1;
        await createWake().wait(Math.min(longestPauseMs, pollMs * 2 ** Math.min(failures, 10)), signal);
        continue;
      }
      failures = 0;
      const { events, upToSeq } = read;
      seq = Math.max(seq, upToSeq);
      if (events.length > 0) yield events;
      if (events.length < batchSize) await wake.wait(pollMs, signal);
    }
  } finally {
    unsubscribe?.();
  }
}
