import { Type } from 'typebox';
import { OneOf, Uuid } from '../common.ts';
import {
  CaseRequest, CaseStep, Erasure, ErasureDecision, ErasureReceipt, ErasureRequest, FindSubjectRequest, HoldRequest, LegalHold, ModelDecision, ModelDecisionRequest,
  Objection, ObjectionRequest, RetentionView, RightsCase, RightsSubject, SubjectPage,
} from '../rights.ts';
import type { Route } from '../route.ts';

const byId = Type.Object({ id: Uuid });
const ofPatient = Type.Object({ patientId: Uuid });

/** Consent, legal hold, restriction, access, erasure. */
export const rightsRoutes = {
  findSubject: { method: 'POST', path: '/api/rights/find', needs: 'rights.manage', body: FindSubjectRequest, response: Type.Array(RightsSubject) },
  subject: { method: 'GET', path: '/api/rights/subjects/:patientId', needs: 'rights.manage', params: ofPatient, response: SubjectPage },
  accessBundle: { method: 'GET', path: '/api/rights/subjects/:patientId/bundle', needs: 'rights.manage', params: ofPatient, query: Type.Object({ format: Type.Optional(OneOf(['json', 'ndjson'] as const)) }) },
  objections: { method: 'GET', path: '/api/rights/objections', needs: 'consent.read', query: ofPatient, response: Type.Array(Objection) },
  recordObjection: { method: 'POST', path: '/api/rights/objections', needs: 'consent.write', body: ObjectionRequest, response: Objection },
  withdrawObjection: { method: 'POST', path: '/api/rights/objections/:id/withdraw', needs: 'consent.write', params: byId, response: Objection },
  openCase: { method: 'POST', path: '/api/rights/cases', needs: 'rights.manage', body: CaseRequest, response: RightsCase },
  stepCase: { method: 'POST', path: '/api/rights/cases/:id', needs: 'rights.manage', params: byId, body: CaseStep, response: RightsCase },
  holds: { method: 'GET', path: '/api/rights/holds', needs: 'retention.manage', response: Type.Array(LegalHold) },
  placeHold: { method: 'POST', path: '/api/rights/holds', needs: 'retention.manage', body: HoldRequest, response: LegalHold },
  releaseHold: { method: 'POST', path: '/api/rights/holds/:id/release', needs: 'retention.manage', params: byId, response: LegalHold },
  retention: { method: 'GET', path: '/api/rights/retention', needs: 'retention.manage', response: RetentionView },
  erasures: { method: 'GET', path: '/api/rights/erasures', needs: 'erasure.approve', response: Type.Array(Erasure) },
  requestErasure: { method: 'POST', path: '/api/rights/erasures', needs: 'erasure.manage', freshFactor: true, body: ErasureRequest, response: Erasure },
  decideErasure: { method: 'POST', path: '/api/rights/erasures/:id', needs: 'erasure.approve', freshFactor: true, params: byId, body: ErasureDecision, response: Erasure },
  erasureReceipt: { method: 'GET', path: '/api/rights/erasures/:id/receipt', needs: 'erasure.approve', params: byId, response: ErasureReceipt },
  modelDecisions: { method: 'GET', path: '/api/rights/model-decisions', needs: 'model.read', response: Type.Array(ModelDecision) },
  decideModel: { method: 'POST', path: '/api/rights/model-decisions/:id', needs: 'model.decide', params: byId, body: ModelDecisionRequest, response: ModelDecision },
} as const satisfies Record<string, Route>;
