import { Type } from 'typebox';
import { Instant, Nullable, Uuid } from '../common.ts';
import type { Route } from '../route.ts';

const DestinationRow = Type.Object({
  name: Type.String(), address: Type.String(), tls: Type.Boolean(), disabled: Type.Boolean(), queued: Type.Integer(), oldestQueuedAt: Nullable(Instant), failures: Type.Integer(), undelivered: Type.Integer(), lastAcknowledgedAt: Nullable(Instant),
});
const UndeliveredRow = Type.Object({ id: Uuid, destination: Type.String(), controlId: Type.String(), type: Type.String(), status: Type.String(), code: Type.String(), attempts: Type.Integer(), createdAt: Instant });

/** Listeners and senders of HL7 v2. */
export const hl7Routes = {
  /** Where messages go, what waits, and what was not delivered; names nobody. */
  destinations: { method: 'GET', path: '/api/hl7/destinations', needs: 'feed.read', response: Type.Object({ destinations: Type.Array(DestinationRow), undelivered: Type.Array(UndeliveredRow) }) },
  requeueOutgoing: { method: 'POST', path: '/api/hl7/outgoing/:id/requeue', needs: 'feed.manage', params: Type.Object({ id: Uuid }) },
} as const satisfies Record<string, Route>;
