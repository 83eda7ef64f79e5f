import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Uuid } from '../common.ts';
import type { Route } from '../route.ts';

const DestinationRow = Type.Object({
  name: Type.String(), address: Type.String(), tls: Type.Boolean(), disabled: Type.Boolean(), queued: Type.Integer(), oldestQueuedAt: Nullable(Instant), failures: Type.Integer(), undelivered: Type.Integer(), lastAcknowledgedAt: Nullable(Instant),
});
const UndeliveredRow = Type.Object({ id: Uuid, destination: Type.String(), controlId: Type.String(), type: Type.String(), status: OneOf(['refused', 'failed'] as const), code: Type.String(), attempts: Type.Integer(), createdAt: Instant });

const Destinations = Type.Object({ destinations: Type.Array(DestinationRow), undelivered: Type.Array(UndeliveredRow) });
export type Destinations = Type.Static<typeof Destinations>;

const FieldCoverageRow = Type.Object({
  segment: Type.String(), field: Type.Integer(), valued: Type.Integer(), dropped: Type.Integer(), /** Components, with how often. */ components: Type.Array(Type.Object({ place: Type.String(), times: Type.Integer() })),
});
const SourceCoverage = Type.Object({ source: Type.String(), messages: Type.Integer(), unread: Type.Integer(), from: Nullable(Instant), to: Nullable(Instant), fields: Type.Array(FieldCoverageRow) });
export type SourceCoverage = Type.Static<typeof SourceCoverage>;

/** Listeners and senders of HL7 v2. */
export const hl7Routes = {
  /** Where messages go, what waits, and what was not delivered; names nobody. */
  destinations: { method: 'GET', path: '/api/hl7/destinations', needs: 'feed.read', response: Destinations },
  /** Which fields of a sender's newest messages no mapping takes: counts by segment and field, no values. */
  sourceCoverage: { method: 'GET', path: '/api/hl7/coverage', needs: 'feed.manage', query: Type.Object({ source: Type.String({ minLength: 1, maxLength: 400 }), messages: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })) }), response: SourceCoverage },
  /** Gives up what was refused or failed; its content goes, the audit log says who. */
  discardOutgoing: { method: 'POST', path: '/api/hl7/outgoing/:id/discard', needs: 'feed.manage', params: Type.Object({ id: Uuid }) },
  requeueOutgoing: { method: 'POST', path: '/api/hl7/outgoing/:id/requeue', needs: 'feed.manage', params: Type.Object({ id: Uuid }) },
} as const satisfies Record<string, Route>;
