import { setTimeout as sleep } from 'node:timers/promises';
import { PrimumError } from '@primum/base';
import { parseMessage, component, segmentNamed } from '@primum/formats';
import { connectMllp, type MllpClient } from '@primum/ingest';

const maxRetryMs = 5_000;

/** How a message was answered: AA (or CA), or kept in quarantine with the error's code. */
export type Answer = { accepted: true } | { accepted: false; acknowledgement: string; code: string };

export type ReliableSender = {
  /** Resolves when the message was answered; sends it again on a new connection as often as it takes, in order. */
  send(text: string): Promise<Answer>;
  close(): Promise<void>;
};

/**
 * A sender as interfaces are: one connection, up to `pipelining` unanswered (1 keeps strict order); after a lost connection
 * everything unanswered is sent again (the receiver keeps a message once), with growing pauses. An answer that says the
 * receiver could not keep the message (ERR-3 = 207) is no answer: the message is sent again.
 */
export function createReliableSender(options: { host: string; port: number; pipelining?: number; signal: AbortSignal }): ReliableSender {
  const { host, port, pipelining = 1, signal } = options;
  let client: MllpClient | undefined;
  let connecting: Promise<MllpClient> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let inFlight = 0;
  const turns: (() => void)[] = [];

  const connected = (): Promise<MllpClient> => {
    if (client !== undefined) return Promise.resolve(client);
    connecting ??= connectMllp({ host, port, pipelining, timeoutMs: 30_000 }).then((made) => {
      client = made;
      void made.closed.then(() => { if (client === made) client = undefined; });
      return made;
    }).finally(() => { connecting = undefined; });
    return connecting;
  };

  const deliver = async (text: string): Promise<Answer> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = readAnswer((await (await connected()).send(text)).toString('utf8'));
        if (answer.accepted || answer.code !== 'retry') return answer;
      } catch (error) {
        if (signal.aborted || !(error instanceof PrimumError)) throw error;
      }
      await sleep(Math.min(maxRetryMs, 50 * 2 ** Math.min(attempt, 7)), undefined, { signal });
    }
  };

  return {
    async send(text) {
      if (inFlight >= pipelining) await new Promise<void>((resolve) => turns.push(resolve));
      inFlight += 1;
      const sent = deliver(text).finally(() => {
        inFlight -= 1;
        turns.shift()?.();
      });
      last = Promise.allSettled([last, sent]);
      return sent;
    },
    async close() {
      await last;
      await client?.close();
    },
  };
}

/** MSA-1 and, where it is not an accept, ERR-3 and ERR-5. */
export function readAnswer(text: string): Answer {
  const parsed = parseMessage(text);
  if (!parsed.ok) return { accepted: false, acknowledgement: '', code: 'retry' };
  const msa = segmentNamed(parsed.message, 'MSA');
  const acknowledgement = msa === undefined ? '' : component(msa, 1);
  if (acknowledgement === 'AA' || acknowledgement === 'CA') return { accepted: true };
  const err = segmentNamed(parsed.message, 'ERR');
  if (err !== undefined && component(err, 3) === '207') return { accepted: false, acknowledgement, code: 'retry' };
  return { accepted: false, acknowledgement, code: err === undefined ? '' : component(err, 5) };
}
