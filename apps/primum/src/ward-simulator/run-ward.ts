import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, type Log } from '@primum/base';
import { createReliableSender, type ReliableSender } from '../sending/reliable-sender.ts';
import { wardSenders } from './messages.ts';
import { wardMessages } from './ward.ts';

export type WardOptions = {
  port: number;
  seed: number;
  /** The instant (ms, the ward's clock) at which the ward went live for the first time. */
  epoch: number;
  /** Where the ward's clock stood when it was last stopped; the epoch at first. */
  resumeAt: number;
  /** Ward seconds per wall second. */
  rate: number;
  /** Resolves when what was sent has been applied and scored: history waits for it at each full hour. */
  settled: () => Promise<unknown>;
  signal: AbortSignal;
};

/** What may be lost between a stop and the last thing that was known to be sent is sent again; it is kept once. */
const overlapMs = 3 * 3_600_000;
const maxUnanswered = 48;

/**
 * Sends the ward's messages over MLLP, one connection a sender, on the ward's clock: the days before the epoch at once,
 * then each message at its time. Returns when the signal ends it; resolves `live` when the history has been sent.
 */
export function runWard(log: Log, options: WardOptions): { live: Promise<void>; done: Promise<void> } {
  const senders = new Map<string, ReliableSender>();
  const senderOf = (name: string): ReliableSender => {
    const known = senders.get(name);
    if (known !== undefined) return known;
    const made = createReliableSender({ host: '127.0.0.1', port: options.port, pipelining: maxUnanswered, signal: options.signal });
    senders.set(name, made);
    return made;
  };
  let becomeLive: () => void = () => undefined;
  const live = new Promise<void>((resolve) => { becomeLive = resolve; });

  const run = async (): Promise<void> => {
    const startedAt = performance.now();
    const from = options.resumeAt === options.epoch ? -Infinity : options.resumeAt - overlapMs;
    const unanswered = new Set<Promise<void>>();
    let liveNow = false;
    let hour = -Infinity;
    for (const message of wardMessages(options.seed, options.epoch)) {
      if (options.signal.aborted) break;
      if (message.sentAt < from) continue;
      if (!liveNow && message.sentAt > options.resumeAt) {
        await Promise.all(unanswered);
        liveNow = true;
        becomeLive();
      }
      // Each hour of the past is scored as it was, not skipped over in a burst.
      const messageHour = Math.floor(message.sentAt / 3_600_000);
      if (!liveNow && messageHour > hour) {
        hour = messageHour;
        await Promise.all(unanswered);
        await options.settled();
      }
      const dueInMs = (message.sentAt - options.resumeAt) / options.rate - (performance.now() - startedAt);
      if (liveNow && dueInMs > 2) await sleep(dueInMs, undefined, { signal: options.signal });
      const sent = senderOf(message.sender).send(message.text).then((answer) => {
        if (!answer.accepted) log.warn('ward message not accepted', { code: answer.code, status: answer.acknowledgement });
      }, (error: unknown) => { if (!options.signal.aborted) log.warn('ward message not sent', errorFields(error)); })
        .finally(() => unanswered.delete(sent));
      unanswered.add(sent);
      // An admission is answered before anything else is sent: results on another connection must not overtake it.
      if (message.sender === wardSenders.adt) await Promise.all(unanswered);
      else if (unanswered.size >= maxUnanswered) await Promise.race(unanswered);
    }
  };
  const done = run().catch((error: unknown) => {
    if (!options.signal.aborted) log.error('ward stopped', errorFields(error));
  });
  return { live, done };
}
