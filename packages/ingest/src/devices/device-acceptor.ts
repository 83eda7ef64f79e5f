import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { PrimumError, uuidv7, type Clock } from '@primum/base';
import type { Db } from '@primum/store';
import type { Keys } from '@primum/trust';
import { readTopic } from './device-topic.ts';
import { storeDeviceMessages, type NewDeviceMessage } from './store-device-messages.ts';

export type DeviceAcceptorDeps = { db: Db; keys: Keys; clock: Clock; /** New messages wait. */ onStored: () => void };

export type DeviceMessageIn = { topic: string; payload: Uint8Array; qos: 0 | 1 | 2 };

/** Persists before it resolves: whoever acknowledges after that has acknowledged what is committed and fsynced. */
export type DeviceAcceptor = {
  /** Errors: device.topic-refused; those of the database, after which nothing may be acknowledged. */
  accept(message: DeviceMessageIn): Promise<void>;
  /** The applier has taken this many off the list. */
  taken(count: number): void;
  close(): Promise<void>;
};

export type DeviceAcceptorOptions = { tenant: number; /** Messages that may wait to be applied before `accept` waits as well. */ maxWaiting?: number; waiting?: number };

const mostAtOnce = 256;
const pollMs = 10;

export const deviceMessageAad = (tenant: number, id: string): string => `${tenant}/device-message/${id}`;

/**
 * Messages that arrive while a commit runs share the next one. Equal content of one device is one message, whatever its
 * packet id: a sender that sends again after a lost PUBACK sends the same bytes.
 */
export function createDeviceAcceptor(deps: DeviceAcceptorDeps, options: DeviceAcceptorOptions): DeviceAcceptor {
  const { db, keys, clock, onStored } = deps;
  const { tenant, maxWaiting = 20_000 } = options;
  type Pending = { message: NewDeviceMessage; done: () => void; failed: (error: unknown) => void };
  let pending: Pending[] = [];
  let storing: Promise<void> | undefined;
  let waiting = options.waiting ?? 0;
  let closed = false;

  const storeAll = async (): Promise<void> => {
    while (pending.length > 0) {
      const batch = pending.slice(0, mostAtOnce);
      pending = pending.slice(mostAtOnce);
      try {
        const stored = await storeDeviceMessages(db, tenant, batch.map(({ message }) => message));
        waiting += stored;
        for (const { done } of batch) done();
        if (stored > 0) onStored();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    storing = undefined;
  };

  return {
    accept: async ({ topic, payload, qos }) => {
      const named = readTopic(topic);
      if (named === undefined) throw new PrimumError('device.topic-refused');
      while (waiting >= maxWaiting && !closed) await sleep(pollMs);
      if (closed) throw new PrimumError('device.closing');
      const { deviceId, kind } = named;
      await keys.ensure(tenant, [{ kind: 'tenant' }]);
      const id = uuidv7(clock.now().getTime());
      const commitment = keys.token(tenant, 'commitment', JSON.stringify(['device', deviceId, kind, createHash('sha256').update(payload).digest('hex')]));
      const message = { id, deviceId, kind, qos, commitment, sealed: keys.seal(tenant, { kind: 'tenant' }, payload, deviceMessageAad(tenant, id)) };
      await new Promise<void>((done, failed) => {
        pending.push({ message, done, failed });
        storing ??= Promise.resolve().then(storeAll);
      });
    },
    taken: (count) => { waiting = Math.max(0, waiting - count); },
    close: async () => {
      closed = true;
      await storing;
    },
  };
}
