import type { Bundle, BundleEntry, Parameters, ParametersParameter, Resource } from '@medplum/fhirtypes';
import { uuidv7 } from '@primum/base';
import type { PayloadContent } from './read-subscription.ts';
import type { SubscriptionRow } from './subscription-rows.ts';
import type { Interaction } from './topics.ts';

export type NotificationType = 'handshake' | 'heartbeat' | 'event-notification' | 'query-status' | 'query-event';

/** An event with what it is about, as it may be told. `resource` null: it was withdrawn or is not to be told of. */
export type ToldEvent = { number: number; at: Date; type: string; id: string; interaction: Interaction; resource: Resource | null };

const profile = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-';

/** SubscriptionStatus as R4 has it (Subscriptions R5 Backport 1.1.0, "R4 Backported R5 SubscriptionStatus"). */
export function subscriptionStatusOf(base: string, row: SubscriptionRow, type: NotificationType, events: readonly ToldEvent[] = [], content: PayloadContent = row.content): Parameters {
  const waiting = row.last_number - row.delivered_number;
  return {
    resourceType: 'Parameters', id: uuidv7(), meta: { profile: [`${profile}status-r4`] },
    parameter: [
      { name: 'subscription', valueReference: { reference: `${base}/Subscription/${row.id}` } },
      ...(row.topic === null ? [] : [{ name: 'topic', valueCanonical: row.topic }]),
      { name: 'status', valueCode: row.status },
      { name: 'type', valueCode: type },
      { name: 'events-since-subscription-start', valueString: String(row.last_number) },
      ...events.map((event): ParametersParameter => ({
        name: 'notification-event',
        part: [
          { name: 'event-number', valueString: String(event.number) },
          { name: 'timestamp', valueInstant: event.at.toISOString() },
          ...(content === 'empty' ? [] : [{ name: 'focus', valueReference: { reference: `${base}/${event.type}/${event.id}` } }]),
        ],
      })),
      ...(row.reason === null ? [] : [{ name: 'error', valueCodeableConcept: { coding: [{ system: 'urn:primum:subscription-reason', code: row.reason }], text: `${waiting} events wait, ${row.missed} were not kept` } }]),
    ],
  };
}

const methods = { create: 'POST', update: 'PUT', delete: 'DELETE' } as const;
const statuses = { create: '201', update: '200', delete: '204' } as const;

/** A notification: a Bundle of type history that begins with the status ("R4 Topic-Based Subscription Notification Bundle"). */
export function notificationOf(base: string, row: SubscriptionRow, type: NotificationType, at: Date, events: readonly ToldEvent[] = [], content: PayloadContent = row.content): Bundle {
  const status = subscriptionStatusOf(base, row, type, events, content);
  const entries = content === 'empty' ? [] : events.map((event): BundleEntry => ({
    fullUrl: `${base}/${event.type}/${event.id}`,
    ...(content === 'full-resource' && event.resource !== null ? { resource: event.resource } : {}),
    request: { method: methods[event.interaction], url: event.interaction === 'create' ? event.type : `${event.type}/${event.id}` },
    response: { status: statuses[event.interaction] },
  }));
  return {
    resourceType: 'Bundle', id: uuidv7(), type: 'history', timestamp: at.toISOString(), meta: { profile: [`${profile}notification-r4`] },
    entry: [{ fullUrl: `urn:uuid:${status.id}`, resource: status, request: { method: 'GET', url: `${base}/Subscription/${row.id}/$status` }, response: { status: '200' } }, ...entries],
  };
}
