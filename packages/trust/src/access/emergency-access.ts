import { assert, PrimumError, uuidv7, type Clock } from '@primum/base';
import type { Db } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { Keys } from '../keys/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { openReview } from '../reviews/open-review.ts';
import type { PhiReader } from './phi-reader.ts';
import { actorOf, type UserPrincipal } from './principal.ts';
import { requirePermission } from './require-permission.ts';

export type EmergencyDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; policy: Policy };

/** Break-glass: one person's access to one patient's record for an hour, because nobody else could give it in time. */
export type EmergencyAccess = { id: string; patientId: string; openedAt: Date; until: Date };

const openMinutes = 60;
const minReason = 10;
const reasonAad = (id: string): string => `emergency-access|${id}`;

type Row = { id: string; patient_id: string; opened_at: Date; until: Date };
const accessOf = ({ id, patient_id, opened_at, until }: Row): EmergencyAccess => ({ id, patientId: patient_id, openedAt: opened_at, until });

/**
 * Opens it with a reason in words (sealed under the patient's key), on the audit log as BTG, and puts it on the privacy
 * office's queue, all in one transaction; consoles of the office hear of it at once. One that is open stays as it is.
 * Throws record.not-found, auth.forbidden. Time is the database's, since the policies' view asks that clock.
 */
export async function openEmergencyAccess(deps: EmergencyDeps, principal: UserPrincipal, request: { tenant: number; patientId: string; reason: string }): Promise<EmergencyAccess> {
  const { db, keys, audit, clock } = deps;
  const { tenant, patientId } = request;
  const reason = request.reason.trim();
  if (reason.length < minReason) throw new PrimumError('api.request-invalid', 'reason: in words, please');
  const asked = { tenant, principal, purpose: 'BTG', action: 'emergency.opened' } as const;
  await requirePermission(deps, { ...asked, authority: 'emergency.access', patientIds: [patientId] });
  await keys.ensure(tenant, [{ kind: 'patient', patientId }]);
  return db.transaction(async (tx) => {
    // The patient's lock: two clicks open one access.
    const [patient] = await tx.query('select from patient where tenant = $1 and id = $2 for update', [tenant, patientId]);
    if (patient === undefined) throw new PrimumError('record.not-found', 'patient');
    const [open] = await tx.query<Row>('select id, patient_id, opened_at, until from emergency_access where tenant = $1 and user_id = $2 and patient_id = $3 and until > now() limit 1', [tenant, principal.userId, patientId]);
    if (open !== undefined) return accessOf(open);
    const id = uuidv7(clock.now().getTime());
    const [row] = await tx.query<Row>(
      `insert into emergency_access (tenant, id, user_id, patient_id, opened_at, until, sealed_reason)
       select $1, $2, $3, $4, t, t + interval '${openMinutes} minutes', $5 from date_trunc('milliseconds', now()) t returning id, patient_id, opened_at, until`,
      [tenant, id, principal.userId, patientId, keys.seal(tenant, { kind: 'patient', patientId }, Buffer.from(reason), reasonAad(id))],
    );
    assert(row !== undefined, 'an insert gives its row');
    await audit.write(tx, [{ ...asked, outcome: 'success', at: clock.now(), patientId, entities: [{ type: 'emergency-access', id }] }]);
    await openReview(tx, { tenant, kind: 'emergency-access', actor: actorOf(principal), userId: principal.userId, patientId, at: row.opened_at, until: row.until, auditEventIds: [], score: 0.5 });
    return accessOf(row);
  });
}

/** This person's accesses that are open. */
export async function openEmergencies({ db }: Pick<EmergencyDeps, 'db'>, principal: UserPrincipal, tenant: number): Promise<EmergencyAccess[]> {
  const rows = await db.query<Row>(
    'select id, patient_id, opened_at, until from emergency_access where tenant = $1 and user_id = $2 and until > now() order by until limit 100', [tenant, principal.userId]);
  return rows.map(accessOf);
}

/** Ends one's own access before its time; one that is over stays so. */
export async function endEmergencyAccess({ db, audit, clock }: EmergencyDeps, principal: UserPrincipal, tenant: number, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.query<{ patient_id: string }>('update emergency_access set until = least(until, now()) where tenant = $1 and id = $2 and user_id = $3 returning patient_id', [tenant, id, principal.userId]);
    if (row === undefined) throw new PrimumError('record.not-found', 'emergency access');
    await audit.write(tx, [{ tenant, principal, purpose: 'BTG', action: 'emergency.ended', outcome: 'success', at: clock.now(), patientId: row.patient_id, entities: [{ type: 'emergency-access', id }] }]);
  });
}

/** Why it was opened, for whoever reviews it; null where that was erased. */
export async function reasonOfEmergency({ db }: Pick<EmergencyDeps, 'db'>, reader: PhiReader, access: { userId: string; patientId: string; openedAt: Date }): Promise<string | null> {
  const [row] = await db.query<{ id: string; sealed_reason: Buffer }>(
    'select id, sealed_reason from emergency_access where tenant = $1 and user_id = $2 and patient_id = $3 and opened_at = $4', [reader.tenant, access.userId, access.patientId, access.openedAt]);
  return row === undefined ? null : (await reader.open(row.sealed_reason, access.patientId, reasonAad(row.id))).toString();
}
