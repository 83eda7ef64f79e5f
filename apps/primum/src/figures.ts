import type { Figures } from '@primum/contract';
import { streamHead, tailStream, type Db, type Sequencer, type StreamEvent } from '@primum/store';
import { createLatencies } from './latency.ts';
import { tenant } from './core.ts';

const topics = ['message.received', 'message.quarantined', 'patient.changed', 'prediction.made', 'alert.changed', 'clock.changed', 'review.changed', 'feed.changed', 'patient.erased'] as const;

/**
 * Follows the stream for what people watch: counts since the start, and from a message's arrival to its committed
 * prediction. `onEvents` is told of every batch, after it was counted.
 */
export type Watch = {
  figures(): Promise<Figures>;
  /** Latencies from now on: a ward's past is sent in a burst and says nothing of how it goes live. */
  beginLive(): void;
  close(): Promise<void>;
};

export async function watchStream(deps: { db: Db; sequencer: Sequencer; accepted(): number; applied(): number; waiting(): number }, onEvents: (events: readonly StreamEvent[]) => void): Promise<Watch> {
  const { db, sequencer } = deps;
  const latencies = createLatencies();
  const counts = { 'prediction.made': 0, 'alert.changed': 0 };
  const stop = new AbortController();
  const afterSeq = await streamHead(db, tenant);
  const run = async (): Promise<void> => {
    for await (const events of tailStream({ db, sequencer }, { tenant, topics, afterSeq, signal: stop.signal })) {
      const now = Date.now();
      for (const event of events) {
        if (event.topic in counts) counts[event.topic as keyof typeof counts] += 1; // checked by `in`
        if (event.topic === 'prediction.made') {
          const { receivedAtMs } = event.payload as { receivedAtMs?: number | null }; // written by serving
          if (typeof receivedAtMs === 'number') latencies.add(now - receivedAtMs);
        }
      }
      onEvents(events);
    }
  };
  const running = run();
  return {
    beginLive: () => latencies.clear(),
    async figures() {
      const [row] = await db.query<{ quarantined: number }>(`select count(*) as quarantined from message where tenant = $1 and status = 'quarantined'`, [tenant]);
      const [p50, p99] = [latencies.quantile(0.5), latencies.quantile(0.99)];
      return {
        messagesIn: deps.accepted(), messagesApplied: deps.applied(), waiting: deps.waiting(), quarantined: row?.quarantined ?? 0,
        predictions: counts['prediction.made'], alerts: counts['alert.changed'],
        p50Ms: p50, p99Ms: p99,
      };
    },
    async close() {
      stop.abort();
      await running.catch(() => undefined);
    },
  };
}
