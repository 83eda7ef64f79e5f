import { randomBytes } from 'node:crypto';
import { asPrimumError, errorFields, uuidv7, type Clock, type Log, type PrimumError } from '@primum/base';
import { buildAck } from '@primum/formats';
import type { Db } from '@primum/store';
import type { Keys } from '@primum/trust';
import { lanesOf } from '../reading/tokens.ts';
import type { Source } from '../sources/source.ts';
import { createSourceDirectory, type SourceDirectory } from '../sources/source-directory.ts';
import type { MessageCheck } from '../validation/check-resources.ts';
import type { Backlog } from './backlog.ts';
import { interpretFrame, type InterpretedFrame } from './interpret-frame.ts';
import { storeMessages, type NewMessage } from './store-messages.ts';

/** What a raw message's sealed bytes are bound to. */
export const messageAad = (tenant: number, messageId: string): string => `message|${tenant}|${messageId}`;

export type AcceptorDeps = {
  db: Db;
  keys: Keys;
  clock: Clock;
  log: Log;
  backlog: Backlog;
  /** Called after each commit that left messages waiting: wakes the applier. */
  onCommitted?: () => void;
  sources?: SourceDirectory;
  /** What is asked before a message is answered; nothing where absent. */
  check?: MessageCheck;
};

export type AcceptorOptions = {
  tenant: number;
  /** Messages of one commit. */
  maxBatch?: number;
  /** Messages in memory, not yet committed; beyond it the listener stops reading. */
  maxGathering?: number;
};

/**
 * Persist, then acknowledge. A frame is read as far as it goes without the record, sealed, and committed together with
 * whatever else has come in while the former commit was under way: one commit at a time, so that messages of one
 * connection are numbered in their order, and the slower the disk the larger the batches. The acknowledgement is AA only
 * after the commit; what cannot be read is committed too, in quarantine, and answered with its error. When the commit
 * fails nothing of it is acknowledged as kept: AR with 207 and the store's code, and the sender sends again.
 */
export type Acceptor = {
  /** `source`: of everything on this listener, whatever MSH-3 and MSH-4 say. */
  accept(frame: Buffer, connection: { remote: string; source?: Source }): Promise<Buffer>;
  saturated(): boolean;
  figures(): { accepted: number; quarantined: number; duplicates: number };
  /** Waits for the commit under way. */
  close(): Promise<void>;
};

/** From so many messages in a commit on, the next one waits up to `gatherMs` for as many. */
const manySenders = 4;
const gatherMs = 2;

type Waiting = { message: NewMessage; commitment: string; done(error: PrimumError | undefined): void };

export function createAcceptor(deps: AcceptorDeps, options: AcceptorOptions): Acceptor {
  const { db, keys, clock, log, backlog } = deps;
  const { tenant, maxBatch = 256, maxGathering = 2_000 } = options;
  const sources = deps.sources ?? createSourceDirectory({ db, now: () => clock.now().getTime() }, tenant);
  const gathered: Waiting[] = [];
  const counts = { accepted: 0, quarantined: 0, duplicates: 0 };
  let committing: Promise<void> | undefined;
  let former = { size: 0, at: 0 };
  let onGathered: (() => void) | undefined;

  const commit = async (): Promise<void> => {
    // Frames that were read from other sockets in this turn of the event loop come along.
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    while (gathered.length > 0) {
      if (former.size >= manySenders && gathered.length < former.size && performance.now() - former.at < 10 * gatherMs) await gather(former.size);
      const batch = gathered.splice(0, maxBatch);
      const unique = new Map(batch.map((waiting) => [waiting.commitment, waiting.message]));
      let failure: PrimumError | undefined;
      try {
        await keys.ensure(tenant, [{ kind: 'intake' }]);
        const waiting = await storeMessages(db, tenant, [...unique.values()]);
        if (waiting > 0) {
          backlog.add(waiting);
          deps.onCommitted?.();
        }
      } catch (error) {
        failure = asPrimumError(error, 'store.unreachable');
        log.error('ingest.not-kept', { ...errorFields(failure), count: batch.length });
      }
      for (const { done } of batch) done(failure);
      former = { size: batch.length, at: performance.now() };
    }
  };

  /** The senders of the former batch have their answers now and send again: a moment's patience halves the commits. */
  const gather = (enough: number): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, gatherMs);
    onGathered = () => {
      if (gathered.length < enough) return;
      clearTimeout(timer);
      resolve();
    };
  });

  const keep = (message: NewMessage): Promise<PrimumError | undefined> => new Promise((resolve) => {
    gathered.push({ message, commitment: message.commitment.toString('base64'), done: resolve });
    onGathered?.();
    committing ??= commit().finally(() => { committing = undefined; });
  });

  const answer = (frame: InterpretedFrame, error?: Parameters<typeof buildAck>[0]['error']): Buffer => Buffer.from(buildAck({
    header: frame.header, controlId: randomBytes(10).toString('hex'), at: clock.now(), ...(error === undefined ? {} : { error }),
  }));

  return {
    async accept(bytes, connection) {
      const frame = await interpretFrame(sources, bytes, connection.source, deps.check);
      if (frame.problem !== undefined) {
        log.warn('ingest.quarantined', { code: frame.problem.code, source: frame.source?.application ?? '' });
      }
      let failure: PrimumError | undefined;
      try {
        await keys.ensure(tenant, [{ kind: 'intake' }]);
        failure = await keep(toMessage(keys, tenant, frame, bytes));
      } catch (error) {
        failure = asPrimumError(error, 'trust.key-store-unusable');
        log.error('ingest.not-kept', { ...errorFields(failure), count: 1 });
      }
      if (failure !== undefined) return answer(frame, { code: failure.code });
      if (frame.problem !== undefined) {
        counts.quarantined += 1;
        return answer(frame, frame.problem);
      }
      counts.accepted += 1;
      return answer(frame);
    },
    saturated: () => gathered.length >= maxGathering || backlog.saturated(),
    figures: () => ({ ...counts }),
    close: async () => { await committing; },
  };
}

const longestName = 199;

function toMessage(keys: Keys, tenant: number, frame: InterpretedFrame, bytes: Buffer): NewMessage {
  const { header, source, reading, problem } = frame;
  const id = uuidv7();
  const controlId = (header?.controlId ?? '').slice(0, longestName);
  const lanes = reading === undefined ? { lane: 0, otherLane: null } : lanesOf(keys, tenant, reading);
  // Bound to sender, control ID and every byte; one character per byte.
  const content = JSON.stringify(['message', header?.sendingApplication ?? '', header?.sendingFacility ?? '', controlId]) + bytes.toString('latin1');
  return {
    id,
    sourceId: source?.id ?? null,
    controlId,
    commitment: keys.token(tenant, 'commitment', content),
    type: header === undefined ? '' : `${header.messageCode}^${header.triggerEvent}`.slice(0, longestName),
    messageAt: reading?.messageAt ?? null,
    ...lanes,
    status: problem === undefined ? 'received' : 'quarantined',
    reasonCode: problem?.code ?? null,
    reasonDetail: problem === undefined ? null : [problem.location, problem.detail].filter((part) => part !== undefined).join(' '),
    sealed: keys.seal(tenant, { kind: 'intake' }, bytes, messageAad(tenant, id)),
  };
}
