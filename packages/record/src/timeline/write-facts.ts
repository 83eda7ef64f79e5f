import type { Sql } from '@primum/store';
import type { Fact } from './fact.ts';

/** A row to append; `n` numbers the rows of one sequence. */
export type NewFact = Omit<Fact, 'seq'> & { patientId: string; n: number; messageId: string | null };

/** Appends facts under one sequence, which the caller drew under the locks of all these patients. */
export async function writeFacts(tx: Sql, tenant: number, seq: number, facts: readonly NewFact[]): Promise<void> {
  if (facts.length === 0) return;
  await tx.query(`
    insert into fact (tenant, patient_id, seq, n, key, code, value, text, effective_at, status, flag, message_id)
    select $1, t.patient_id, $2, t.n, t.key, t.code, t.value, t.text, to_timestamp(t.effective_ms / 1000), t.status, t.flag, t.message_id
    from unnest($3::uuid[], $4::int[], $5::uuid[], $6::text[], $7::float8[], $8::text[], $9::float8[], $10::text[], $11::text[], $12::uuid[])
      as t(patient_id, n, key, code, value, text, effective_ms, status, flag, message_id)`,
  [
    tenant, seq,
    facts.map(({ patientId }) => patientId), facts.map(({ n }) => n), facts.map(({ key }) => key), facts.map(({ code }) => code),
    facts.map(({ value }) => value), facts.map(({ text }) => text ?? null), facts.map(({ effectiveAt }) => effectiveAt),
    facts.map(({ status }) => status), facts.map(({ flag }) => flag ?? null), facts.map(({ messageId }) => messageId),
  ]);
}
