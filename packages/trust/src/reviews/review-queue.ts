import { PrimumError, type Clock } from '@primum/base';
import { nextState, reviewLifecycle, type ReviewKind, type ReviewState, type ReviewVerdict } from '@primum/contract';
import { writeOutbox, type Db, type Sql } from '@primum/store';
import { actorOf, type Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { Audit } from '../audit/audit.ts';
import { firstIdAt } from '../audit/search-audit.ts';
import type { Keys } from '../keys/keys.ts';
import type { KeyScope } from '../keys/key-scope.ts';
import type { Policy } from '../policy/policy.ts';

export type ReviewDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; policy: Policy };

export type ReviewItem = {
  id: string; kind: ReviewKind; actor: string; displayName: string | null; role: string | null; userId: string | null; patientId: string | null;
  at: Date; until: Date | null; dueAt: Date; overdue: boolean; looks: number; score: number; detail: Readonly<Record<string, number>>;
  status: ReviewState; version: number; decidedAt: Date | null; decidedBy: string | null;
};

/** One event that a review rests on, or that was read under an emergency access. */
export type ReviewEvent = { id: string; seq: number | null; at: Date; actor: string; action: string; outcome: string; purpose: string };

type ItemRow = {
  id: string; kind: ReviewKind; actor: string; display_name: string | null; role: string | null; user_id: string | null; patient_id: string | null; at: Date; until: Date | null;
  due_at: Date; audit_event_ids: string[]; score: number; detail: Record<string, number>; status: ReviewState; version: number; decided_at: Date | null; decided_by: string | null; sealed_note: Buffer | null;
};

const undecided: readonly ReviewState[] = ['open', 'needs-more'];
const maxListed = 200;
const maxEvents = 500;
const columns = `r.id, r.kind, r.actor, u.display_name, u.role, r.user_id, r.patient_id, r.at, r.until, r.due_at, r.audit_event_ids, r.score, r.detail, r.status, r.version,
  r.decided_at, r.decided_by, r.sealed_note`;
const from = 'from review_item r left join app_user u on u.tenant = r.tenant and \'user:\' || u.username = r.actor';

/** How much waits, for who may review: what the console shows beside the page's name. */
export async function countReviews({ db, clock }: ReviewDeps, tenant: number): Promise<{ open: number; overdue: number }> {
  const [row] = await db.query<{ open: number; overdue: number }>(
    'select count(*)::int as open, (count(*) filter (where due_at < $2))::int as overdue from review_item where tenant = $1 and status = any($3)', [tenant, clock.now(), undecided],
  );
  return row!; // an aggregate gives a row
}

/** The queue (`review.manage`): undecided items, overdue first, then by score; or the latest that were decided. Names no patient. */
export async function listReviews(deps: ReviewDeps, principal: Principal, tenant: number, which: 'undecided' | 'decided'): Promise<ReviewItem[]> {
  await requirePermission(deps, { tenant, principal, authority: 'review.manage', purpose: 'HCOMPL', action: 'review.read' });
  const now = deps.clock.now();
  const rows = which === 'undecided'
    ? await deps.db.query<ItemRow>(`select ${columns} ${from} where r.tenant = $1 and r.status = any($2) order by (r.due_at < $3) desc, r.score desc, r.at limit ${maxListed}`, [tenant, undecided, now])
    : await deps.db.query<ItemRow>(`select ${columns} ${from} where r.tenant = $1 and r.status <> all($2) order by r.decided_at desc limit ${maxListed}`, [tenant, undecided]);
  return rows.map((row) => itemOf(row, now));
}

/**
 * One item with the events that it rests on, earlier items of the same person and patient, and the office's note. Under
 * an emergency access: everything that the person read of these patients (`patientIds`: the group of merged records) from
 * its opening to its end. Needs `review.manage`; throws review.not-found. The look at an item about a patient is audited
 * by whoever shows that patient's name beside it, the look at any other here.
 */
export async function findReview(deps: ReviewDeps, principal: Principal, tenant: number, id: string, groupOf: (patientId: string) => Promise<readonly string[]>): Promise<{
  item: ReviewItem; events: ReviewEvent[]; earlier: ReviewItem[]; note: string | null;
}> {
  const { db, keys } = deps;
  const now = deps.clock.now();
  const request = { tenant, principal, purpose: 'HCOMPL', action: 'review.read' } as const;
  await requirePermission(deps, { ...request, authority: 'review.manage' });
  const [row] = await db.query<ItemRow>(`select ${columns} ${from} where r.tenant = $1 and r.id = $2`, [tenant, id]);
  if (row === undefined) throw new PrimumError('review.not-found');
  if (row.patient_id === null) await deps.audit.write(db, [{ ...request, outcome: 'success', at: now, entities: [{ type: 'review', id }] }]);
  const patientIds = row.patient_id === null ? [] : await groupOf(row.patient_id);
  const events = await db.query<EventRow>(
    `select id, seq, recorded_at, actor, action, outcome, purpose from audit_event where tenant = $1 and id = any($2::uuid[])
     union
     select id, seq, recorded_at, actor, action, outcome, purpose from audit_event
     where tenant = $1 and $3 and actor = $4 and actor not like 'system:%' and id >= $5::uuid and id < $6::uuid and (patient_id = any($7::uuid[]) or patient_ids && $7::uuid[])
     order by id limit ${maxEvents}`,
    [tenant, row.audit_event_ids, row.kind === 'emergency-access', row.actor, firstIdAt(row.at), firstIdAt(row.until ?? now), patientIds],
  );
  const earlier = await db.query<ItemRow>(
    `select ${columns} ${from} where r.tenant = $1 and r.actor = $2 and r.id <> $3 and (r.patient_id is not distinct from $4 or r.kind = $5) order by r.at desc limit 20`,
    [tenant, row.actor, id, row.patient_id, row.kind],
  );
  return {
    item: itemOf(row, now), earlier: earlier.map((each) => itemOf(each, now)),
    events: events.map(({ recorded_at, ...event }) => ({ ...event, at: recorded_at })),
    note: row.sealed_note === null ? null : await openNote(keys, tenant, row.id, row.sealed_note),
  };
}

type EventRow = Omit<ReviewEvent, 'at'> & { recorded_at: Date };

/**
 * A verdict with its note, which is sealed under the patient's key. Nobody decides about themselves. Throws
 * review.not-found, review.changed (decided meanwhile, or another version), review.own.
 */
export async function decideReview(
  deps: ReviewDeps, principal: Principal, tenant: number, id: string, decision: { verdict: ReviewVerdict; note: string; version: number },
): Promise<ReviewItem> {
  const { db, keys, audit, clock } = deps;
  await requirePermission(deps, { tenant, principal, authority: 'review.manage', purpose: 'HCOMPL', action: 'review.verdict' });
  return db.transaction(async (tx) => {
    const [row] = await tx.query<{ actor: string; patient_id: string | null; status: ReviewState; version: number }>(
      'select actor, patient_id, status, version from review_item where tenant = $1 and id = $2 for update', [tenant, id],
    );
    if (row === undefined) throw new PrimumError('review.not-found');
    if (row.actor === actorOf(principal)) throw new PrimumError('review.own');
    const next = nextState(reviewLifecycle, row.status, decision.verdict);
    if (next === undefined || row.version !== decision.version) throw new PrimumError('review.changed');
    const sealed = await sealNote(keys, tenant, id, row.patient_id, decision.note);
    await tx.query(
      'update review_item set status = $3, version = version + 1, decided_at = $4, decided_by = $5, sealed_note = $6 where tenant = $1 and id = $2',
      [tenant, id, next, clock.now(), actorOf(principal), sealed],
    );
    await audit.write(tx, [{
      tenant, principal, action: 'review.verdict', outcome: 'success', purpose: 'HCOMPL', at: clock.now(), ...(row.patient_id === null ? {} : { patientId: row.patient_id }),
      entities: [{ type: 'review', id }, { type: 'verdict', id: next }],
    }]);
    await writeOutbox(tx, [{ tenant, topic: 'review.changed', key: id, payload: {} }]);
    return reload(tx, tenant, id, clock.now());
  });
}

async function reload(tx: Sql, tenant: number, id: string, now: Date): Promise<ReviewItem> {
  const [row] = await tx.query<ItemRow>(`select ${columns} ${from} where r.tenant = $1 and r.id = $2`, [tenant, id]);
  return itemOf(row!, now); // locked by the caller
}

function itemOf(row: ItemRow, now: Date): ReviewItem {
  const { id, kind, actor, role, at, until, score, detail, status, version } = row;
  return {
    id, kind, actor, role, at, until, score, detail, status, version, displayName: row.display_name, userId: row.user_id, patientId: row.patient_id,
    dueAt: row.due_at, overdue: row.due_at < now && undecided.includes(status), looks: row.audit_event_ids.length, decidedAt: row.decided_at, decidedBy: row.decided_by,
  };
}

const noteAad = (id: string): string => `review-note|${id}`;

/** A patient who was erased has no key left; what the office writes about the access then is the hospital's own. */
async function sealNote(keys: Keys, tenant: number, id: string, patientId: string | null, note: string): Promise<Buffer> {
  const patient: KeyScope | undefined = patientId === null ? undefined : { kind: 'patient', patientId };
  const scope: KeyScope = patient !== undefined && await keys.has(tenant, patient) ? patient : { kind: 'tenant' };
  await keys.ensure(tenant, [scope]);
  return keys.seal(tenant, scope, Buffer.from(note), noteAad(id));
}

async function openNote(keys: Keys, tenant: number, id: string, sealed: Buffer): Promise<string | null> {
  try {
    return (await keys.open(tenant, sealed, noteAad(id))).toString();
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'trust.key-missing') return null;
    throw error;
  }
}
