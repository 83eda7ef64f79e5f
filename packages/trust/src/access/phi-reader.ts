import { errorCatalogue } from '@primum/contract';
import { PrimumError, type Clock } from '@primum/base';
import type { Sql } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { AuditOutcome } from '../audit/audit-event.ts';
import type { Keys } from '../keys/keys.ts';
import { sealedKeyOf } from '../keys/sealed-format.ts';
import type { Policy } from '../policy/policy.ts';
import type { FilterPlace, RowFilter } from '../policy/row-filter.ts';
import { createPhiUses, type PhiScope, type PhiUse, type PhiUses } from './phi-uses.ts';
import type { Authority, Principal, Purpose } from './principal.ts';
import { requirePermission } from './require-permission.ts';

/**
 * The authority to read PHI, lent to a callback: for a principal, a purpose and a scope. Outside the callback every
 * method throws trust.capability-ended; outside the scope, auth.forbidden.
 */
export type PhiReader = {
  readonly tenant: number;
  readonly principal: Principal;
  /** As it is on the log: BTG where an emergency access alone opened a patient. */
  readonly purpose: Purpose;
  /** For a list of patients: the condition on rows of `patient_facts` under which this reader may see them. */
  rowFilter(place: FilterPlace): RowFilter;
  /** Opens what was sealed under this patient's key. */
  open(sealed: Uint8Array, patientId: string, aad: string): Promise<Buffer>;
  /** Opens what belongs to no one patient: a raw message in quarantine, tenant-wide content. Scope `unassigned`. */
  openUnassigned(sealed: Uint8Array, aad: string): Promise<Buffer>;
  /** Says what is read in clear (facts, stays) or which entities a use was about; checks the scope. No action: the capability's. */
  note(use: PhiUse, action?: string): void;
};

/** `db`: the pool, or the transaction that the read and its audit are part of. */
export type PhiReaderDeps = { db: Sql; keys: Keys; audit: Audit; clock: Clock; policy: Policy };

export type PhiReadRequest = {
  tenant: number;
  principal: Principal;
  purpose: Purpose;
  scope: PhiScope;
  /** As the audit log names it; ends in `.read` where it is one. */
  action: string;
  /** What the principal must hold; `patient.read` unless said otherwise. */
  authority?: Authority;
  /** Of FHIR, where an app's scopes name types. */
  resourceType?: string;
  /**
   * What the work is going to use, where that is known before: its event is then committed while the work runs, not after
   * it. Work that fails or uses something else gets the event of what it did as well.
   */
  foreseen?: PhiUse;
};

/**
 * Runs `work` with a reader. Its uses are committed to the audit log before its result is handed out; if that fails,
 * so does the read. What `work` throws is thrown on, its uses audited all the same.
 */
export async function withPhiReader<T>(deps: PhiReaderDeps, request: PhiReadRequest, work: (reader: PhiReader) => Promise<T>): Promise<T> {
  const { tenant, principal, scope, action, resourceType } = request;
  const purpose = await requirePermission(deps, {
    tenant, principal, purpose: request.purpose, action, authority: request.authority ?? 'patient.read',
    ...('patientIds' in scope ? { patientIds: scope.patientIds } : {}), ...(resourceType === undefined ? {} : { resourceType }),
  });
  const granted = { ...request, purpose };
  const uses = createPhiUses(granted);
  const ahead = request.foreseen === undefined ? undefined : writeAhead(deps, granted, request.foreseen);
  let outcome: AuditOutcome = 'success';
  try {
    return await work(readerOver(deps, granted, uses, 'worklist' in scope));
  } catch (error) {
    outcome = outcomeOf(error);
    throw error;
  } finally {
    uses.end();
    await ahead?.written;
    const events = uses.events(outcome, ahead?.at ?? deps.clock.now());
    if (ahead === undefined || JSON.stringify(events) !== ahead.said) await deps.audit.write(deps.db, events);
  }
}

function writeAhead(deps: PhiReaderDeps, request: PhiReadRequest, foreseen: PhiUse): { at: Date; said: string; written: Promise<void> } {
  const uses = createPhiUses(request);
  uses.use(foreseen);
  const at = deps.clock.now();
  const events = uses.events('success', at);
  const written = deps.audit.write(deps.db, events);
  written.catch(() => undefined); // awaited after the work, whatever became of that
  return { at, said: JSON.stringify(events), written };
}

export function readerOver({ keys, policy }: Pick<PhiReaderDeps, 'keys' | 'policy'>, request: Omit<PhiReadRequest, 'scope' | 'action'>, uses: PhiUses, list = false): PhiReader {
  const { tenant, principal, purpose, authority = 'patient.read', resourceType } = request;
  // Whom a list may show is decided by its filter: one that never asked for it opens nothing.
  let filtered = !list;
  return {
    tenant, principal, purpose,
    rowFilter: (place) => {
      filtered = true;
      return policy.filter({ tenant, principal, authority, purpose, ...(resourceType === undefined ? {} : { resourceType }) }, place);
    },
    open: async (sealed, patientId, aad) => {
      uses.use({ patientId });
      if (!filtered) throw new PrimumError('auth.forbidden', 'a list without its filter');
      const { kind, keyId } = sealedKeyOf(sealed);
      if (kind !== 'patient' || keyId !== patientId) throw new PrimumError('auth.forbidden', 'the content is not this patient\'s');
      return keys.open(tenant, sealed, aad);
    },
    openUnassigned: async (sealed, aad) => {
      uses.use({ unassigned: true });
      if (sealedKeyOf(sealed).kind === 'patient') throw new PrimumError('auth.forbidden', 'the content is a patient\'s');
      return keys.open(tenant, sealed, aad);
    },
    note: (use, action) => uses.use(use, action),
  };
}

export function outcomeOf(error: unknown): AuditOutcome {
  return error instanceof PrimumError && errorCatalogue[error.code].http < 500 ? 'minor-failure' : 'serious-failure';
}
