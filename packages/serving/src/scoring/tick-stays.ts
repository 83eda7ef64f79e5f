import { errorFields, type Clock, type Log } from '@primum/base';
import { siteNow } from '@primum/record';
import { writeOutbox, type Db } from '@primum/store';
import { clockOf } from './read-stays.ts';

const hourMs = 3_600_000;

type Due = {
  id: string; root_id: string; icu_from: Date; as_of: Date | null; snoozed_until: Date | null;
  clock_rate: number; simulated: boolean; anchor_source_at: Date | null; anchor_wall_at: Date | null;
};

const selectOpen = `
select s.id, p.root_id, s.icu_from, r.as_of, a.snoozed_until, si.clock_rate, si.simulated, si.anchor_source_at, si.anchor_wall_at
from stay s
join patient p on p.tenant = s.tenant and p.id = s.patient_id
join site si on si.tenant = s.tenant and si.id = s.site_id
left join stay_risk r on r.tenant = s.tenant and r.stay_id = s.id and not r.ended
left join alert a on a.tenant = r.tenant and a.id = r.alert_id
where s.tenant = $1 and s.status = 'in-progress' and s.icu and s.icu_from is not null`;

export type Ticker = { tick(): Promise<number>; close(): Promise<void> };

/**
 * Finds stays whose hour was completed, or whose snooze ended, by the site's clock without any message (a silent feed),
 * and announces them as `patient.changed` of kind `tick`: scoring has one path and no second hand on a stay. A stay is
 * announced at its second sighting, so that a message that completes the hour is not doubled, and once per hour.
 */
export function createTicker(deps: { db: Db; tenant: number; clock: Clock; log: Log; announced(): void }, options: { everyMs: number }): Ticker {
  const { db, tenant, clock, log } = deps;
  let sightings = new Map<string, 'seen' | 'announced'>();
  let running: Promise<unknown> = Promise.resolve();
  let busy = false;

  async function tick(): Promise<number> {
    const wall = clock.now().getTime();
    const rows = await db.query<Due>(selectOpen, [tenant]);
    const next = new Map<string, 'seen' | 'announced'>();
    const events = rows.flatMap((row) => {
      const now = siteNow(clockOf(row), wall);
      const hourEnd = Math.max(row.as_of?.getTime() ?? 0, row.icu_from.getTime()) + hourMs;
      const due = now >= hourEnd ? `${row.id} ${Math.floor((now - row.icu_from.getTime()) / hourMs)}`
        : row.snoozed_until !== null && now >= row.snoozed_until.getTime() ? `${row.id} snooze ${row.snoozed_until.getTime()}` : null;
      if (due === null) return [];
      const before = sightings.get(due);
      next.set(due, before === undefined ? 'seen' : 'announced');
      if (before !== 'seen') return [];
      // Beyond every score: a tick by itself brings no late fact.
      return [{ tenant, topic: 'patient.changed', key: row.root_id, payload: { patientId: row.root_id, stayId: row.id, kind: 'tick', fromAt: Number.MAX_SAFE_INTEGER } }];
    });
    sightings = next;
    if (events.length > 0) {
      await writeOutbox(db, events);
      deps.announced();
    }
    return events.length;
  }

  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = tick().catch((error: unknown) => log.warn('scoring.tick-failed', errorFields(error))).finally(() => { busy = false; });
  }, options.everyMs);
  return {
    tick,
    close: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
