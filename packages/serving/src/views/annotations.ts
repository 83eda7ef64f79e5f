import type { Annotation } from '@primum/contract';
import type { Sql } from '@primum/store';
import type { StoredPoint } from './read-trends.ts';

type EventRow = { kind: string; at: Date; detail: { tier?: string; cause?: string; as?: string; handedTo?: string }; who: string | null };

const acknowledgedAs: Readonly<Record<string, string>> = {
  'assessing': 'assessing', 'already-treating': 'already treating', 'not-sepsis': 'not sepsis', 'handed-over': 'handed over',
};

/** What happened beside the scores: the alert's life, corrections, changes of model; oldest first. */
export async function readAnnotations(sql: Sql, tenant: number, stayId: string, from: number, trend: readonly StoredPoint[]): Promise<Annotation[]> {
  const events = await sql.query<EventRow>(
    `select e.kind, e.at, e.detail, u.display_name as who
     from alert a join alert_event e on e.tenant = a.tenant and e.alert_id = a.id
     left join app_user u on u.tenant = e.tenant and e.actor = 'user:' || u.username
     where a.tenant = $1 and a.stay_id = $2 and e.at >= $3 order by e.at, e.alert_id, e.n limit 500`,
    [tenant, stayId, new Date(from)],
  );
  return [...events.flatMap(ofEvent), ...trend.flatMap((point, index) => ofPoint(point, trend[index - 1]))].toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

function ofEvent({ kind, at, detail, who }: EventRow): Annotation[] {
  const by = who === null ? '' : ` by ${who}`;
  const mark = (as: Annotation['kind'], text: string): Annotation[] => [{ at: at.toISOString(), kind: as, text }];
  switch (kind) {
    case 'raised': return mark('alert', `alert raised (${detail.tier ?? ''})`);
    case 'tier-rose': return mark('tier-rose', `alert rose to ${detail.tier ?? ''}`);
    case 're-alerted': return detail.cause === 'snooze-ended' ? mark('alert', 'snooze ended') : [];
    case 'acknowledged': return mark('acknowledged', `acknowledged${by}: ${acknowledgedAs[detail.as ?? ''] ?? ''}${detail.handedTo === undefined ? '' : ` to ${detail.handedTo}`}`);
    case 'snoozed': return mark('snoozed', `snoozed${by}`);
    case 'closed': return mark('closed', `alert closed: ${detail.cause ?? ''}`);
    case 'evidence-withdrawn': return mark('evidence-withdrawn', 'a result under the alert was corrected or withdrawn');
    default: return [];
  }
}

function ofPoint(point: StoredPoint, before: StoredPoint | undefined): Annotation[] {
  const at = new Date(point.asOf).toISOString();
  return [
    ...(point.trigger === 'correction' ? [{ at, kind: 'correction', text: 'scored again after a correction' } as const] : []),
    ...(before !== undefined && before.modelDigest !== point.modelDigest ? [{ at, kind: 'model-change', text: 'the model changed' } as const] : []),
  ];
}
