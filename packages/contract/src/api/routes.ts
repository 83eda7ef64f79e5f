import { Type } from 'typebox';
import { sessionStates } from '../lifecycles.ts';
import { Text, Uuid } from './common.ts';
import { AuditPage, FeedsPage, ModelPage, QuarantineDetail } from './operations.ts';
import { Notice, PredictionView, ReplayReport, StayPage } from './patient.ts';
import { AcknowledgeRequest, AlertView, SnoozeRequest } from './risk.ts';
import { SessionView, SignInRequest } from './session.ts';
import { auditFilters, auditRoutes } from './routes/audit.ts';
import { evidenceRoutes } from './routes/evidence.ts';
import { identityRoutes } from './routes/identity.ts';
import { keyRoutes } from './routes/keys.ts';
import { lineageRoutes } from './routes/lineage.ts';
import { policyRoutes } from './routes/policy.ts';
import { reviewRoutes } from './routes/reviews.ts';
import { rightsRoutes } from './routes/rights.ts';
import { smartRoutes } from './routes/smart.ts';
import { fhirRoutes } from './routes/fhir.ts';
import { terminologyRoutes } from './routes/terminology.ts';
import { bulkRoutes } from './routes/bulk.ts';
import { subscriptionsRoutes } from './routes/subscriptions.ts';
import { hl7Routes } from './routes/hl7.ts';
import { devicesRoutes } from './routes/devices.ts';
import { qualityRoutes } from './routes/quality.ts';
import { viewsRoutes } from './routes/views.ts';
import type { Route } from './route.ts';
import { Worklist } from './worklist.ts';

const stay = Type.Object({ stayId: Uuid });
const byId = Type.Object({ id: Uuid });

/** The one list: the server registers exactly these, the client is typed by them, a test walks role by route. */
export const routes = {
  signIn: { method: 'POST', path: '/api/session', needs: 'public', body: SignInRequest, response: SessionView },
  getSession: { method: 'GET', path: '/api/session', needs: 'session', states: sessionStates, response: SessionView },
  signOut: { method: 'DELETE', path: '/api/session', needs: 'session', states: sessionStates },
  health: { method: 'GET', path: '/api/health', needs: 'public', response: Type.Object({ status: Type.String(), version: Type.String() }) },
  openapi: { method: 'GET', path: '/api/openapi.json', needs: 'public' },
  events: { method: 'GET', path: '/api/events', needs: 'session' },
  worklist: { method: 'GET', path: '/api/worklist', needs: 'patient.read', query: Type.Object({ site: Type.Optional(Text(64)) }), response: Worklist },
  stay: { method: 'GET', path: '/api/stays/:stayId', needs: 'patient.read', params: stay, query: Type.Object({ hours: Type.Optional(Type.Integer({ minimum: 6, maximum: 336 })) }), response: StayPage },
  prediction: { method: 'GET', path: '/api/predictions/:id', needs: 'prediction.read', params: byId, response: PredictionView },
  replay: { method: 'POST', path: '/api/predictions/:id/replay', needs: 'prediction.replay', params: byId, response: ReplayReport },
  acknowledge: { method: 'POST', path: '/api/alerts/:id/acknowledge', needs: 'alert.act', params: byId, body: AcknowledgeRequest, response: AlertView },
  snooze: { method: 'POST', path: '/api/alerts/:id/snooze', needs: 'alert.act', params: byId, body: SnoozeRequest, response: AlertView },
  notices: { method: 'GET', path: '/api/notices', needs: 'alert.act', response: Type.Array(Notice) },
  readNotice: { method: 'POST', path: '/api/notices/:id/read', needs: 'alert.act', params: byId },
  feeds: { method: 'GET', path: '/api/feeds', needs: 'feed.read', response: FeedsPage },
  quarantined: { method: 'GET', path: '/api/quarantine/:id', needs: 'quarantine.read', params: byId, response: QuarantineDetail },
  replayMessage: { method: 'POST', path: '/api/quarantine/:id/replay', needs: 'quarantine.replay', params: byId },
  audit: { method: 'GET', path: '/api/audit', needs: 'audit.read', query: Type.Object({ ...auditFilters, cursor: Type.Optional(Text(200)), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })) }), response: AuditPage },
  model: { method: 'GET', path: '/api/model', needs: 'model.read', response: ModelPage },
  ...auditRoutes, ...evidenceRoutes, ...identityRoutes, ...keyRoutes, ...lineageRoutes, ...policyRoutes, ...reviewRoutes, ...rightsRoutes, ...smartRoutes,
  ...fhirRoutes, ...terminologyRoutes, ...bulkRoutes, ...subscriptionsRoutes, ...hl7Routes, ...devicesRoutes, ...qualityRoutes, ...viewsRoutes,
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
