import { uuidv7 } from '@primum/base';
import type { ReviewKind } from '@primum/contract';
import { writeOutbox, type Sql } from '@primum/store';

/** What the privacy office is asked to look at. Ids and numbers only; whatever is said in words about it is sealed later. */
export type NewReview = {
  tenant: number;
  kind: ReviewKind;
  /** As the audit log names the person: `user:NAME`. */
  actor: string;
  userId?: string;
  patientId: string | null;
  /** Wall time of what is to be reviewed. */
  at: Date;
  /** End of an emergency access: what was read under it is shown up to then. */
  until?: Date;
  auditEventIds: readonly string[];
  /** 0 to 1: how much it asks for a look; orders the queue. */
  score: number;
  /** The numbers that a rule rests on. */
  detail?: Readonly<Record<string, number>>;
};

/** An emergency access is looked at within three days; the rest within two weeks. */
const dueAfterMs = (kind: ReviewKind): number => (kind === 'emergency-access' ? 72 : 336) * 3_600_000;
const maxEvents = 200;

/**
 * Puts an item on the privacy office's queue, in the transaction of what it is about, and tells the open consoles.
 * A finding of the same person, patient, kind and day that stands undecided takes the events in instead (the first
 * 200); each emergency access is an item of its own. Gives the item's id, and whether it is new.
 */
export async function openReview(tx: Sql, item: NewReview): Promise<{ id: string; isNew: boolean }> {
  const id = uuidv7(item.at.getTime());
  const [row] = await tx.query<{ id: string; is_new: boolean }>(
    `insert into review_item as r (tenant, id, kind, actor, user_id, patient_id, day, at, until, due_at, audit_event_ids, score, detail)
     values ($1, $2, $3, $4, $5, $6, ($7::timestamptz at time zone 'UTC')::date, $7, $8, $9, $10::uuid[], $11, $12)
     on conflict (tenant, actor, patient_id, kind, day) where status in ('open', 'needs-more') and kind <> 'emergency-access'
     do update set
       audit_event_ids = (r.audit_event_ids || array(select e from unnest(excluded.audit_event_ids) e where e <> all (r.audit_event_ids)))[:${maxEvents}],
       score = greatest(r.score, excluded.score), detail = excluded.detail
     returning id, xmax = 0 as is_new`,
    [
      item.tenant, id, item.kind, item.actor, item.userId ?? null, item.patientId, item.at, item.until ?? null, new Date(item.at.getTime() + dueAfterMs(item.kind)),
      item.auditEventIds.slice(0, maxEvents), item.score, JSON.stringify(item.detail ?? {}),
    ],
  );
  const isNew = row!.is_new; // an upsert gives its row
  if (isNew) await writeOutbox(tx, [{ tenant: item.tenant, topic: 'review.changed', key: row!.id, payload: {} }]);
  return { id: row!.id, isNew };
}
