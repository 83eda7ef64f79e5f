import { PrimumError, type Clock } from '@primum/base';
import type { Sql } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { PatientFacts, Policy, PolicyRequest } from '../policy/policy.ts';
import type { Authority, Principal, Purpose } from './principal.ts';

export type RefusalDeps = { db: Sql; audit: Audit; clock: Clock; policy: Policy };

export type PermissionRequest = {
  tenant: number; principal: Principal; authority: Authority; purpose: Purpose; action: string;
  /** Every one of them is decided about. */
  patientIds?: readonly string[];
  resourceType?: string;
};

/**
 * Lets pass who may do this, with each of the patients where any are named, by the policies in force. Anyone else gets
 * auth.forbidden, or auth.no-care-relationship where an emergency access would open it; the refusal is on the audit log
 * first, in a transaction of its own (the caller's is about to be rolled back). Gives the purpose for the log, which is
 * BTG where an emergency access alone opened a patient. `sql`: the transaction that may hold patients nobody else sees.
 */
export async function requirePermission(deps: RefusalDeps, request: PermissionRequest, sql: Sql = deps.db): Promise<Purpose> {
  const { tenant, principal, authority, purpose, action, patientIds } = request;
  const refused = async (code: 'auth.forbidden' | 'auth.no-care-relationship'): Promise<never> => {
    await deps.audit.write(deps.db, [{
      tenant, principal, purpose, action, outcome: 'minor-failure', at: deps.clock.now(), entities: [{ type: 'permission', id: authority }],
      ...(patientIds === undefined ? {} : { patientIds }),
    }]);
    throw new PrimumError(code, authority);
  };
  const asked: PolicyRequest = { tenant, principal, authority, purpose, ...(request.resourceType === undefined ? {} : { resourceType: request.resourceType }) };
  if (!deps.policy.decide(asked).allowed) return refused('auth.forbidden');
  if (patientIds === undefined || patientIds.length === 0 || deps.policy.allowsWhoever(asked)) return purpose;

  const facts = new Map((await deps.policy.factsOf(sql, tenant, patientIds)).map((patient) => [patient.patientId, patient]));
  let logged = purpose;
  for (const patientId of patientIds) {
    const subject = facts.get(patientId) ?? nobodys(patientId);
    const decision = deps.policy.decide({ ...asked, subject });
    if (!decision.allowed) return refused(emergencyOpens(deps.policy, asked, subject) ? 'auth.no-care-relationship' : 'auth.forbidden');
    if (decision.purpose !== purpose) logged = decision.purpose;
  }
  return logged;
}

/** Would an emergency access open this patient to this person? */
export function emergencyOpens(policy: Policy, request: PolicyRequest, subject: PatientFacts): boolean {
  const { principal } = request;
  return principal.kind === 'user' && policy.decide({ ...request, subject: { ...subject, emergencyFor: [principal.userId] } }).allowed;
}

/** An id that is no patient's (any more) is one whom nobody treats. */
function nobodys(patientId: string): PatientFacts {
  return { patientId, rootId: patientId, careUnits: [], restricted: false, aiOptOut: false, researchOptOut: false, vip: false, emergencyFor: [] };
}
