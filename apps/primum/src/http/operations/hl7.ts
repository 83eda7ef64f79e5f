import { PrimumError } from '@primum/base';
import { coverageOfSource, listDestinations, listUndelivered, stepOutgoing } from '@primum/ingest';
import { tenant } from '../../core.ts';
import { callerOf, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

/** Listeners and senders of HL7 v2. */
export function hl7Operations({ core, senders, mappings }: HandlerDeps): Record<'destinations' | 'sourceCoverage' | 'requeueOutgoing' | 'discardOutgoing', Handler> {
  return {
    destinations: async () => ({
      destinations: (await listDestinations(core.db, tenant)).map(({ name, host, port, tls, disabled, queued, oldestQueuedAt, failures, undelivered, lastAcknowledgedAt }) => ({ name, address: `${host}:${port}`, tls, disabled, queued, oldestQueuedAt, failures, undelivered, lastAcknowledgedAt })),
      undelivered: await listUndelivered(core.db, tenant),
    }),
    sourceCoverage: async (call) => {
      const { source, messages } = call.query as { source: string; messages?: number }; // validated by the route's schema
      const { fields, from, to, ...counts } = await coverageOfSource({ ...core, tables: mappings.v2 }, callerOf(call), tenant, { source, ...(messages === undefined ? {} : { messages }) });
      return {
        ...counts, from: from?.toISOString() ?? null, to: to?.toISOString() ?? null,
        fields: fields.map(({ droppedComponents, ...field }) => ({ ...field, components: Object.entries(droppedComponents).map(([place, times]) => ({ place, times })) })),
      };
    },
    requeueOutgoing: async (call) => {
      await step(call, 'requeue', 'message.requeued');
      senders.kick();
      return undefined;
    },
    discardOutgoing: (call) => step(call, 'discard', 'message.discarded'),
  };

  async function step(call: Call, event: 'requeue' | 'discard', action: string): Promise<void> {
    const id = textOf(call.params, 'id');
    await core.db.transaction(async (tx) => {
      if (!await stepOutgoing(tx, tenant, id, event, null)) throw new PrimumError('sending.not-found');
      await core.audit.write(tx, [{ tenant, principal: callerOf(call), purpose: call.purpose, action, outcome: 'success', at: core.clock.now(), entities: [{ type: 'outgoing-message', id }] }]);
    });
  }
}
