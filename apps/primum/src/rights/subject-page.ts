import type { LegalHold, Objection, RightsCase, SubjectPage } from '@primum/contract';
import { patientGroup, inForce, listCases, listObjections, type StoredCase, type StoredObjection } from '@primum/record';
import { listHolds, type Hold, type UserPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { listErasures, erasureRefusal } from './erasures.ts';
import { readSubjects } from './find-subject.ts';

/** Everything that the privacy office needs about one person's rights. Throws record.not-found. */
export async function subjectPage(core: Core, principal: UserPrincipal, patientId: string): Promise<SubjectPage> {
  const { rootId, memberIds } = await patientGroup(core.db, tenant, patientId);
  const [subjects, [flags], refusal, objections, holds, cases, erasures] = await Promise.all([
    readSubjects(core, principal, [rootId]),
    core.db.query<{ restricted: boolean; ai: boolean; research: boolean }>(
      'select bool_or(restricted) as restricted, bool_or(ai_opt_out) as ai, bool_or(research_opt_out) as research from patient where tenant = $1 and id = any($2::uuid[])', [tenant, memberIds]),
    erasureRefusal(core, core.db, memberIds),
    listObjections(core.db, tenant, memberIds),
    listHolds(core, tenant, memberIds),
    listCases(core, tenant, principal, memberIds),
    listErasures(core, rootId),
  ]);
  return {
    subject: subjects[0]!, // asked for above
    members: memberIds.length,
    restricted: flags?.restricted ?? false, aiOptOut: flags?.ai ?? false, researchOptOut: flags?.research ?? false,
    erasureRefusal: refusal === null ? null : { reason: refusal.reason, until: refusal.until?.toISOString() ?? null },
    objections: objections.map((objection) => objectionView(objection, core.clock.now())), holds: holds.map(holdView), cases: cases.map(caseView), erasures,
  };
}

export function objectionView(objection: StoredObjection, now: Date): Objection {
  return {
    id: objection.id, scope: objection.scope, status: objection.status, inForce: inForce(objection, now), from: objection.from.toISOString(), until: objection.until?.toISOString() ?? null,
    recordedAt: objection.recordedAt.toISOString(), withdrawnAt: objection.withdrawnAt?.toISOString() ?? null,
  };
}

export function holdView({ id, patientId, dataClass, placedAt, releasedAt, reason }: Hold & { reason: string }): LegalHold {
  return { id, patientId, dataClass, placedAt: placedAt.toISOString(), releasedAt: releasedAt?.toISOString() ?? null, reason };
}

export function caseView({ id, kind, status, openedAt, dueAt, changedAt, statements }: StoredCase): RightsCase {
  return { id, kind, status, openedAt: openedAt.toISOString(), dueAt: dueAt.toISOString(), changedAt: changedAt.toISOString(), statements: [...statements] };
}
