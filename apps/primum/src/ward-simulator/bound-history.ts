import type { Clock } from '@primum/base';
import type { Db } from '@primum/store';
import { removePersonalData, type Keys } from '@primum/trust';
import { tenant } from '../core.ts';
import { personalData } from '../rights/personal-data.ts';

const hourMs = 3_600_000;
/** Ward hours for which a simulated patient who has left is kept. */
const keepHours = 48;
/** Wall hours for which applied raw messages of a simulated site are kept: longer than a restart sends again. */
const keepMessagesHours = 6;
const patientsPerRound = 24;

const selectGone = `
select p.id from patient p join site t on t.tenant = p.tenant and t.id = p.site_id
where p.tenant = $1 and t.simulated and t.anchor_source_at is not null and p.root_id = p.id
  and not exists (select 1 from patient o where o.tenant = p.tenant and o.root_id = p.id and o.id <> p.id)
  and not exists (select 1 from legal_hold h where h.tenant = p.tenant and h.patient_id = p.id and h.released_at is null)
  and exists (select 1 from stay s where s.tenant = p.tenant and s.patient_id = p.id)
  and not exists (select 1 from stay s where s.tenant = p.tenant and s.patient_id = p.id
                  and (s.status = 'in-progress' or s.ended_at is null or s.ended_at > t.anchor_source_at - make_interval(hours => $2)))
limit $3`;

/** Raw messages go by their age, below. */
const removed = personalData.filter(({ tables }) => !tables.includes('message'));

/**
 * Keeps the demonstration from growing without end: simulated patients who left two ward days ago go, with their keys,
 * and so do raw messages that were applied. Only sites marked as simulated are touched; the audit log stays whole.
 * Returns how many patients went.
 */
export async function boundHistory(deps: { db: Db; keys: Keys; clock: Clock }): Promise<number> {
  const { db, keys, clock } = deps;
  const gone = (await db.query<{ id: string }>(selectGone, [tenant, keepHours, patientsPerRound])).map(({ id }) => id);
  if (gone.length > 0) {
    await db.transaction((tx) => removePersonalData(removed, tx, tenant, gone));
    for (const patientId of gone) await keys.destroy(tenant, { kind: 'patient', patientId });
  }
  await db.query(
    `delete from message m using source s, site t
     where m.tenant = $1 and m.status = 'applied' and m.received_at < $2 and s.tenant = m.tenant and s.id = m.source_id
       and t.tenant = s.tenant and t.id = s.site_id and t.simulated
       and m.id < $3::uuid`,
    [tenant, new Date(clock.now().getTime() - keepMessagesHours * hourMs), uuidBefore(clock.now().getTime() - keepMessagesHours * hourMs)],
  );
  return gone.length;
}

/** The smallest UUIDv7 of an instant: message ids are time-ordered, so the key's index finds the old ones. */
function uuidBefore(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
