import { Type } from 'typebox';
import { Instant, OneOf, Uuid } from '../common.ts';
import { Account, accountKinds, FindPatientRequest, PatientLine, ReviewDecision, ReviewDetail, ReviewItem, ReviewQueue } from '../reviews.ts';
import type { Route } from '../route.ts';

const byId = Type.Object({ id: Uuid });
const accountQuery = Type.Object({
  kind: Type.Optional(OneOf(accountKinds)), from: Type.Optional(Instant), to: Type.Optional(Instant), format: Type.Optional(OneOf(['json', 'csv', 'html'] as const)),
});

/** Emergency access, suspicious access, disclosures. A number is looked up in a body, so that it stands in no address. */
export const reviewRoutes = {
  reviews: { method: 'GET', path: '/api/reviews', needs: 'review.manage', query: Type.Object({ which: Type.Optional(OneOf(['undecided', 'decided'] as const)) }), response: ReviewQueue },
  review: { method: 'GET', path: '/api/reviews/:id', needs: 'review.manage', params: byId, response: ReviewDetail },
  decideReview: { method: 'POST', path: '/api/reviews/:id/verdict', needs: 'review.manage', params: byId, body: ReviewDecision, response: ReviewItem },
  findPatient: { method: 'POST', path: '/api/disclosures/patient', needs: 'audit.read', body: FindPatientRequest, response: Type.Array(PatientLine) },
  disclosures: { method: 'GET', path: '/api/patients/:id/disclosures', needs: 'audit.read', params: byId, query: accountQuery, response: Account },
} as const satisfies Record<string, Route>;
