import { Type } from 'typebox';
import { Uuid } from '../common.ts';
import { AddAgreement, Agreement, AgreementsPage, BreachHead, BreachReport, BreachStepRequest, EvidencePage, OpenBreach, ResidencyPage } from '../evidence.ts';
import { PatientLine } from '../reviews.ts';
import type { Route } from '../route.ts';

const byId = Type.Object({ id: Uuid });

/** Agreements with business associates, residency, breach investigations. */
export const evidenceRoutes = {
  evidence: { method: 'GET', path: '/api/evidence', needs: 'evidence.read', response: EvidencePage },
  agreements: { method: 'GET', path: '/api/agreements', needs: 'evidence.read', response: AgreementsPage },
  addAgreement: { method: 'POST', path: '/api/agreements', needs: 'agreement.manage', body: AddAgreement, response: Agreement },
  endAgreement: { method: 'POST', path: '/api/agreements/:id/end', needs: 'agreement.manage', params: byId },
  residency: { method: 'GET', path: '/api/residency', needs: 'evidence.read', response: ResidencyPage },
  breaches: { method: 'GET', path: '/api/breaches', needs: 'breach.investigate', response: Type.Array(BreachHead) },
  openBreach: { method: 'POST', path: '/api/breaches', needs: 'breach.investigate', body: OpenBreach, response: BreachHead },
  breach: { method: 'GET', path: '/api/breaches/:id', needs: 'breach.investigate', params: byId, response: BreachReport },
  breachPeople: { method: 'GET', path: '/api/breaches/:id/people', needs: 'disclosure.read', params: byId, response: Type.Array(PatientLine) },
  breachStep: { method: 'POST', path: '/api/breaches/:id/steps', needs: 'breach.investigate', params: byId, body: BreachStepRequest, response: BreachReport },
} as const satisfies Record<string, Route>;
