import { PrimumError, type Clock } from '@primum/base';
import type { Db } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { Policy } from '../policy/policy.ts';
import type { Authority, Principal, Purpose } from './principal.ts';

export type RefusalDeps = { db: Db; audit: Audit; clock: Clock; policy: Policy };

/**
 * Lets pass who holds `authority`; anyone else gets auth.forbidden, and the refusal is on the audit log first, in a
 * transaction of its own (the caller's is about to be rolled back).
 */
export async function requirePermission(
  deps: RefusalDeps,
  request: { tenant: number; principal: Principal; authority: Authority; purpose: Purpose; action: string; patientIds?: readonly string[] },
): Promise<void> {
  const { tenant, principal, authority, purpose, action, patientIds } = request;
  if (deps.policy.decide({ tenant, principal, authority, purpose }).allowed) return;
  await deps.audit.write(deps.db, [{
    tenant, principal, purpose, action, outcome: 'minor-failure', at: deps.clock.now(), entities: [{ type: 'permission', id: authority }],
    ...(patientIds === undefined ? {} : { patientIds }),
  }]);
  throw new PrimumError('auth.forbidden', authority);
}
