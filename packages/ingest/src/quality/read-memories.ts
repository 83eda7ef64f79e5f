import type { Fact } from '@primum/record';
import type { Sql } from '@primum/store';
import { emptyMemory, remember, type PatientMemory } from './look-back.ts';

const rememberedHours = 24;

type Row = { patient_id: string; key: string; code: string; value: number | null; effective_at: Date; status: Fact['status']; flag: Fact['flag'] | null; source_id: number | null };

/**
 * What stood on some patients' timelines before a sequence: the readings of the last day before it (by the time they are about), ages and
 * deaths. A scan of the patient's facts, so only for patients who are not at hand.
 */
export async function readMemories(tx: Sql, tenant: number, patientIds: readonly string[], beforeSeq: number): Promise<Map<string, PatientMemory>> {
  const memories = new Map<string, PatientMemory>(patientIds.map((id) => [id, emptyMemory]));
  if (patientIds.length === 0) return memories;
  const rows = await tx.query<Row>(`
    select f.patient_id, f.key, f.code, f.value, f.effective_at, f.status, f.flag, m.source_id
    from (
      select *, max(effective_at) over (partition by patient_id) as newest from fact where tenant = $1 and patient_id = any($2::uuid[]) and seq < $3
    ) f
    left join message m on m.tenant = $1 and m.id = f.message_id
    where f.effective_at >= f.newest - make_interval(hours => ${rememberedHours}) or f.code in ('30525-0', 'primum:death')
    order by f.seq, f.n`, [tenant, patientIds, beforeSeq]);
  for (const row of rows) {
    memories.set(row.patient_id, remember(memories.get(row.patient_id) ?? emptyMemory, {
      source: '', sourceId: row.source_id ?? 0, code: row.code, key: row.key, value: row.value, worded: false, effectiveAt: row.effective_at.getTime(), sentAt: null,
      status: row.status, flag: row.flag,
    }));
  }
  return memories;
}
