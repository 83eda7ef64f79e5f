import type { Sql } from '@primum/store';
import type { Fact } from './fact.ts';

export type FactQuery = {
  tenant: number;
  /** The root of a patient's merges. */
  rootId: string;
  /** What was known at this pin, links included; without it, what is known now. */
  upToSeq?: number;
  /** Only rows after this sequence: append-only, so that earlier rows and these together are the whole. */
  sinceSeq?: number;
};

type FactRow = {
  pin: number | null; key: string | null; code: string; value: number | null; text: string | null; effective_at: Date; seq: number; status: Fact['status']; flag: string | null;
};

/**
 * A patient's facts, in the order in which they became known, with the pin that they answer to: the greatest sequence
 * of the patient and of everyone merged with it. One statement, so one snapshot. Every row of a patient is written under
 * a lock on its root, and its sequence drawn under that lock, so no row with a lower sequence can appear later: asking
 * again with `upToSeq` = pin gives the same rows for ever. With `upToSeq` the links are taken as they stood at the pin.
 */
export async function readFacts(sql: Sql, query: FactQuery): Promise<{ rows: Fact[]; pinSeq: number }> {
  const { tenant, rootId, upToSeq, sinceSeq = 0 } = query;
  const found = upToSeq === undefined
    ? await sql.query<FactRow>(factsNow, [tenant, rootId, sinceSeq])
    : await sql.query<FactRow>(factsAtPin, [tenant, rootId, sinceSeq, upToSeq]);
  return { rows: found.flatMap((row) => (row.key === null ? [] : [toFact(row, row.key)])), pinSeq: upToSeq ?? found[0]?.pin ?? 0 };
}

const columns = 'f.key, f.code, f.value, f.text, f.effective_at, f.seq, f.status, f.flag';

const factsNow = `
  with member as (select array_agg(id) as ids, max(known_seq) as pin from patient where tenant = $1 and root_id = $2)
  select member.pin, ${columns}
  from member left join fact f on f.tenant = $1 and f.patient_id = any(member.ids) and f.seq > $3 and f.seq <= member.pin
  order by f.seq, f.n`;

const factsAtPin = `
  with recursive member as (
    select $2::uuid as id
    union
    select link.from_id
    from member
    join patient_link link on link.tenant = $1 and link.into_id = member.id and link.seq <= $4
      and not exists (
        select from patient_link later
        where later.tenant = $1 and later.from_id = link.from_id and later.seq > link.seq and later.seq <= $4)
  )
  select $4::bigint as pin, ${columns}
  from member join fact f on f.tenant = $1 and f.patient_id = member.id and f.seq > $3 and f.seq <= $4
  order by f.seq, f.n`;

function toFact(row: FactRow, key: string): Fact {
  const fact: Fact = { key, code: row.code, value: row.value, effectiveAt: row.effective_at.getTime(), seq: row.seq, status: row.status };
  if (row.text !== null) fact.text = row.text;
  if (row.flag !== null) fact.flag = row.flag as NonNullable<Fact['flag']>; // written from the same type
  return fact;
}
