import { PrimumError, type Clock } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { Keys } from '../keys/keys.ts';
import { readerOver, type PhiReader } from './phi-reader.ts';
import type { Policy } from '../policy/policy.ts';
import { createPhiUses, type PhiScope } from './phi-uses.ts';
import type { Authority, Principal, Purpose } from './principal.ts';
import { requirePermission } from './require-permission.ts';

/** A reader that may also seal. `ensure` the patients' keys first, all of a batch at once; sealing is then synchronous. */
export type PhiWriter = PhiReader & {
  ensure(patientIds: readonly string[]): Promise<void>;
  seal(patientId: string, plain: Uint8Array, aad: string): Buffer;
  /** Under the tenant's key: what belongs to no patient or to several. */
  sealUnassigned(plain: Uint8Array, aad: string): Buffer;
};

export type PhiWriterDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; policy: Policy };

export type PhiWriteRequest = {
  tenant: number;
  principal: Principal;
  purpose: Purpose;
  action: string;
  /** A person's writer is for named patients; a part of the system may leave it out and write to any, and read what is unassigned. */
  scope?: PhiScope;
  /** `patient.write` unless said otherwise. */
  authority?: Authority;
};

/**
 * Runs `work` with a writer inside the transaction `tx`. Its audit events are written to the same transaction after
 * `work`, so what was written and its audit are committed together. When `work` throws, the caller rolls back.
 */
export async function withPhiWriter<T>(deps: PhiWriterDeps, tx: Sql, request: PhiWriteRequest, work: (writer: PhiWriter) => Promise<T>): Promise<T> {
  const { tenant, principal, action, scope, authority = 'patient.write' } = request;
  const purpose = await requirePermission(deps, {
    tenant, principal, purpose: request.purpose, action, authority, ...(scope !== undefined && 'patientIds' in scope ? { patientIds: scope.patientIds } : {}),
  }, tx);
  const granted = { ...request, authority, purpose };
  if (principal.kind === 'user' && (scope === undefined || !('patientIds' in scope))) throw new PrimumError('auth.forbidden', 'a person writes to named patients only');
  const uses = createPhiUses(granted);
  const writer: PhiWriter = {
    ...readerOver(deps, granted, uses),
    ensure: (patientIds) => {
      uses.use({ patientIds });
      return deps.keys.ensure(tenant, patientIds.map((patientId) => ({ kind: 'patient', patientId })));
    },
    seal: (patientId, plain, aad) => {
      uses.use({ patientId });
      return deps.keys.seal(tenant, { kind: 'patient', patientId }, plain, aad);
    },
    sealUnassigned: (plain, aad) => {
      uses.use({ unassigned: true });
      return deps.keys.seal(tenant, { kind: 'tenant' }, plain, aad);
    },
  };
  try {
    const result = await work(writer);
    uses.end();
    await deps.audit.write(tx, uses.events('success', deps.clock.now()));
    return result;
  } finally {
    uses.end();
  }
}
