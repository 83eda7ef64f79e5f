import { erasureLifecycle, nextState, type Erasure, type ErasureEvent, type ErasureRefusal, type ErasureRequest } from '@primum/contract';
import { PrimumError, uuidv7 } from '@primum/base';
import { patientGroup, lockGroup, retentionDuty } from '@primum/record';
import type { ModelPackage } from '@primum/registry';
import type { Sql } from '@primum/store';
import { isHeld, type UserPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { erasureView, readErasure, readErasures } from './erasure-rows.ts';
import { executeErasure } from './execute-erasure.ts';
import { numberTokens, tried } from './find-subject.ts';
import { retentionScheduleOf } from './retention-schedule.ts';

export type Refusal = { reason: ErasureRefusal; until: Date | null };

/** Why this person may not be erased now; null where nothing stands against it. */
export async function erasureRefusal(core: Pick<Core, 'home'>, sql: Sql, memberIds: readonly string[]): Promise<Refusal | null> {
  if (await isHeld(sql, tenant, memberIds)) return { reason: 'legal-hold', until: null };
  const duty = await retentionDuty(sql, tenant, memberIds, retentionScheduleOf(core.home).recordYearsAfterLastStay);
  if (duty.openStay) return { reason: 'stay-open', until: null };
  return duty.until === null ? null : { reason: 'retention-duty', until: duty.until };
}

/**
 * Records a request to erase a person, which is refused at once where it must be: the refusal stands on record with its
 * reason. Errors: record.not-found, rights.number-mismatch, rights.under-way.
 */
export async function requestErasure(core: Core, principal: UserPrincipal, request: ErasureRequest): Promise<Erasure> {
  const at = core.clock.now();
  const id = uuidv7(at.getTime());
  const tokens = await numberTokens(core, request.mrn);
  await core.db.transaction(async (tx) => {
    const { rootId, memberIds } = await lockGroup(tx, tenant, request.patientId);
    const named = await tx.query('select from patient_identifier where tenant = $1 and patient_id = any($2::uuid[]) and token = any($3::bytea[]) limit 1', [tenant, memberIds, tokens]);
    if (named.length === 0) {
      await tried(core, principal, 'PATRQT'); // in a transaction of its own: this one goes
      throw new PrimumError('rights.number-mismatch');
    }
    const running = await tx.query(`select from erasure where tenant = $1 and patient_id = any($2::uuid[]) and status in ('requested', 'approved', 'executed') limit 1`, [tenant, memberIds]);
    if (running.length > 0) throw new PrimumError('rights.under-way');
    const refusal = await erasureRefusal(core, tx, memberIds);
    await tx.query(`insert into erasure (tenant, id, patient_id, status, basis, requested_at, requested_by, refusal, refused_until)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [tenant, id, rootId, refusal === null ? 'requested' : 'refused', request.basis, at, principal.userId, refusal?.reason ?? null, refusal?.until ?? null]);
    await audited(core, tx, principal, refusal === null ? 'erasure.requested' : 'erasure.refused', id, rootId);
  });
  return viewOf(core, id);
}

/**
 * The second person's word. Approved, it is carried out at once, and goes on after a crash. Errors: rights.not-found,
 * rights.second-person, rights.transition-invalid.
 */
export async function decideErasure(core: Core, packages: () => Promise<readonly ModelPackage[]>, principal: UserPrincipal, id: string, decision: 'approve' | 'decline'): Promise<Erasure> {
  const found = await readErasure(core.db, id);
  if (found === undefined) throw new PrimumError('rights.not-found');
  if (nextState(erasureLifecycle, found.status, decision) === undefined) throw new PrimumError('rights.transition-invalid', found.status);
  const approved = await core.db.transaction(async (tx) => {
    const { rootId, memberIds } = await lockGroup(tx, tenant, found.patient_id);
    const [row] = await tx.query<{ requested_by: string; status: typeof found.status }>('select requested_by, status from erasure where tenant = $1 and id = $2 for update', [tenant, id]);
    if (row === undefined) throw new PrimumError('rights.not-found');
    if (row.requested_by === principal.userId) throw new PrimumError('rights.second-person');
    const refusal = decision === 'approve' ? await erasureRefusal(core, tx, memberIds) : null;
    const event: ErasureEvent = refusal === null ? decision : 'refuse';
    const status = nextState(erasureLifecycle, row.status, event);
    if (status === undefined) throw new PrimumError('rights.transition-invalid', row.status);
    await tx.query('update erasure set status = $3, decided_at = $4, decided_by = $5, refusal = $6, refused_until = $7 where tenant = $1 and id = $2',
      [tenant, id, status, core.clock.now(), principal.userId, refusal?.reason ?? null, refusal?.until ?? null]);
    await audited(core, tx, principal, `erasure.${status}`, id, rootId);
    return status === 'approved';
  });
  if (approved) await executeErasure(core, await packages(), id);
  return viewOf(core, id);
}

export async function listErasures(core: Pick<Core, 'db'>, patientId?: string): Promise<Erasure[]> {
  const ids = patientId === undefined ? undefined : (await patientGroup(core.db, tenant, patientId)).memberIds;
  return (await readErasures(core.db, ids)).map(erasureView);
}

async function viewOf(core: Core, id: string): Promise<Erasure> {
  const row = await readErasure(core.db, id);
  if (row === undefined) throw new PrimumError('rights.not-found');
  return erasureView(row);
}

async function audited(core: Core, tx: Sql, principal: UserPrincipal, action: string, id: string, patientId: string): Promise<void> {
  await core.audit.write(tx, [{ tenant, principal, purpose: 'PATRQT', action, outcome: 'success', at: core.clock.now(), patientId, entities: [{ type: 'erasure', id }] }]);
}
