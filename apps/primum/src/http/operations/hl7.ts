import { PrimumError } from '@primum/base';
import { listDestinations, listUndelivered, stepOutgoing } from '@primum/ingest';
import { tenant } from '../../core.ts';
import { callerOf, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** Listeners and senders of HL7 v2. */
export function hl7Operations({ core, senders }: HandlerDeps): Record<'destinations' | 'requeueOutgoing', Handler> {
  return {
    destinations: async () => ({
      destinations: (await listDestinations(core.db, tenant)).map(({ name, host, port, tls, disabled, queued, oldestQueuedAt, failures, undelivered, lastAcknowledgedAt }) => ({ name, address: `${host}:${port}`, tls, disabled, queued, oldestQueuedAt, failures, undelivered, lastAcknowledgedAt })),
      undelivered: await listUndelivered(core.db, tenant),
    }),
    requeueOutgoing: async (call) => {
      const id = textOf(call.params, 'id');
      await core.db.transaction(async (tx) => {
        if (!await stepOutgoing(tx, tenant, id, 'requeue', null)) throw new PrimumError('sending.not-found');
        await core.audit.write(tx, [{ tenant, principal: callerOf(call), purpose: call.purpose, action: 'message.requeued', outcome: 'success', at: core.clock.now(), entities: [{ type: 'outgoing-message', id }] }]);
      });
      senders.kick();
      return undefined;
    },
  };
}
