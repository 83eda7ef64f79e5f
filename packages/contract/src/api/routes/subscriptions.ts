import { Type } from 'typebox';
import { Uuid } from '../common.ts';
import type { Route } from '../route.ts';
import { SubscriptionsPage } from '../subscriptions.ts';

/** One whose id has another form is not there. */
const byId = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' }) });

/** FHIR subscriptions (Subscriptions R5 Backport 1.1.0 for R4) and their deliveries. */
export const subscriptionsRoutes = {
  createSubscription: { method: 'POST', path: '/api/fhir/Subscription', needs: 'patient.read' },
  searchSubscriptions: { method: 'GET', path: '/api/fhir/Subscription', needs: 'patient.read' },
  readSubscription: { method: 'GET', path: '/api/fhir/Subscription/:id', needs: 'patient.read', params: byId },
  updateSubscription: { method: 'PUT', path: '/api/fhir/Subscription/:id', needs: 'patient.read', params: byId },
  deleteSubscription: { method: 'DELETE', path: '/api/fhir/Subscription/:id', needs: 'patient.read', params: byId },
  subscriptionStatuses: { method: 'GET', path: '/api/fhir/Subscription/$status', needs: 'patient.read' },
  subscriptionStatus: { method: 'GET', path: '/api/fhir/Subscription/:id/$status', needs: 'patient.read', params: byId },
  subscriptionStatusByForm: { method: 'POST', path: '/api/fhir/Subscription/:id/$status', needs: 'patient.read', params: byId },
  subscriptionEvents: { method: 'GET', path: '/api/fhir/Subscription/:id/$events', needs: 'patient.read', params: byId },
  subscriptionEventsByForm: { method: 'POST', path: '/api/fhir/Subscription/:id/$events', needs: 'patient.read', params: byId },
  webSocketToken: { method: 'GET', path: '/api/fhir/Subscription/:id/$get-ws-binding-token', needs: 'patient.read', params: byId },
  webSocketTokenByForm: { method: 'POST', path: '/api/fhir/Subscription/:id/$get-ws-binding-token', needs: 'patient.read', params: byId },
  subscriptions: { method: 'GET', path: '/api/subscriptions', needs: 'feed.read', response: SubscriptionsPage },
  retrySubscription: { method: 'POST', path: '/api/subscriptions/:id/retry', needs: 'feed.manage', params: Type.Object({ id: Uuid }) },
  endSubscription: { method: 'DELETE', path: '/api/subscriptions/:id', needs: 'feed.manage', params: Type.Object({ id: Uuid }) },
} as const satisfies Record<string, Route>;
