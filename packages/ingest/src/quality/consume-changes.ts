import { uuidv7, type Clock } from '@primum/base';
import type { Sql, StreamEvent } from '@primum/store';
import { hourMs } from './feed-rhythm.ts';
import { dimensionsBroken, emptyMemory, isMeasured, lookBack, remember, type PatientMemory, type WrittenFact } from './look-back.ts';
import { readMemories } from './read-memories.ts';
import { applies, type QualityRule, type QualityRules } from './rule.ts';

export type QualityHandleOptions = { tenant: number; rules: QualityRules; clock: Clock };

/** Patients whose last readings are kept at hand; the others are read from the timeline again. */
const mostMemories = 2_000;
/** Findings kept of one rule, source and hour; the count goes on. */
export const keptPerHour = 20;

type Finding = { rule: QualityRule; sourceId: number; patientId: string | null; code: string | null; factKey: string | null; messageId: string | null };
type HourCount = { refused: number; facts: number; missing: number; flagged: number; timed: number; late: number; inconsistent: number };
type Change = { patientId: string; seq: number; messageId?: string; stayId?: string };

/**
 * Judges what was written by what stood before it: counts for the scores, findings, all in the consumer's transaction. What
 * is remembered of patients changes after the commit only, so that a batch that is done again finds it as it was.
 */
export function createQualityHandle({ tenant, rules, clock }: QualityHandleOptions): (tx: Sql, events: readonly StreamEvent[]) => Promise<() => void> {
  const memories = new Map<string, PatientMemory>();
  return async (tx, events) => {
    const hour = new Date(Math.floor(clock.now().getTime() / hourMs) * hourMs);
    const counts = new Map<number, HourCount>();
    const countOf = (sourceId: number): HourCount => {
      const count = counts.get(sourceId) ?? { refused: 0, facts: 0, missing: 0, flagged: 0, timed: 0, late: 0, inconsistent: 0 };
      counts.set(sourceId, count);
      return count;
    };
    const findings: Finding[] = [];
    const refused = await readRefused(tx, tenant, events);
    for (const { id, source_id: sourceId, source, reason_code: reason } of refused) {
      countOf(sourceId).refused += 1;
      const named = (name: string): QualityRule[] => rules.filter((rule) => rule.kind === 'refused' && rule.reasons.has(name) && applies(rule, source, ''));
      const broken = named(reason);
      for (const rule of broken.length > 0 ? broken : named('*')) findings.push({ rule, sourceId, patientId: null, code: null, factKey: null, messageId: id });
    }
    const changes = changesOf(events);
    const rows = await readFacts(tx, tenant, changes);
    const firstSeq = rows.reduce((least, { seq }) => Math.min(least, seq), Number.MAX_SAFE_INTEGER);
    const unknown = [...new Set(rows.map(({ patientId }) => patientId))].filter((id) => !memories.has(id));
    const overlay = await readMemories(tx, tenant, unknown, firstSeq);
    for (const { patientId, messageId, fact } of rows) {
      const memory = overlay.get(patientId) ?? memories.get(patientId) ?? emptyMemory;
      const broken = lookBack(rules, memory, fact);
      for (const rule of broken) findings.push({ rule, sourceId: fact.sourceId, patientId, code: fact.code, factKey: fact.key, messageId });
      overlay.set(patientId, remember(memory, fact));
      if (fact.status === 'retracted') continue;
      const against = dimensionsBroken(broken);
      const count = countOf(fact.sourceId);
      count.facts += 1;
      if (against.has('completeness')) count.missing += 1;
      if (against.has('validity') || fact.flag !== null) count.flagged += 1;
      if (isMeasured(fact.code) && fact.sentAt !== null) count.timed += 1;
      if (against.has('timeliness')) count.late += 1;
      if (against.has('consistency')) count.inconsistent += 1;
    }
    findings.push(...await readStayOrder(tx, tenant, rules, changes));
    await writeCounts(tx, tenant, hour, counts);
    await writeFindings(tx, tenant, hour, clock.now(), findings);
    return () => {
      for (const [id, memory] of overlay) {
        memories.delete(id);
        memories.set(id, memory);
      }
      for (const id of memories.keys()) {
        if (memories.size <= mostMemories) break;
        memories.delete(id);
      }
    };
  };
}

function changesOf(events: readonly StreamEvent[]): Change[] {
  return events.flatMap(({ topic, payload }) => {
    if (topic !== 'patient.changed' || typeof payload !== 'object' || payload === null || !('seq' in payload)) return [];
    return [payload as Change]; // written by flushBatch and writeResources; ticks and consents have no seq
  });
}

type Refused = { id: string; source_id: number; source: string; reason_code: string };

const sourceColumns = "coalesce(m.source_id, 0) as source_id, coalesce(s.application || '|' || s.facility, '') as source";
const joinSource = 'left join source s on s.tenant = m.tenant and s.id = m.source_id';

async function readRefused(tx: Sql, tenant: number, events: readonly StreamEvent[]): Promise<Refused[]> {
  const ids = events.flatMap(({ topic, payload }) => (topic === 'message.quarantined' ? [(payload as { messageId: string }).messageId] : [])); // written by ingest
  if (ids.length === 0) return [];
  return tx.query<Refused>(`select m.id, ${sourceColumns}, coalesce(m.reason_code, '') as reason_code from message m ${joinSource} where m.tenant = $1 and m.id = any($2::uuid[])`, [tenant, ids]);
}

type FactRow = {
  patient_id: string; seq: number; key: string; code: string; value: number | null; worded: boolean; effective_at: Date; status: WrittenFact['status'];
  flag: WrittenFact['flag']; message_id: string | null; source_id: number; source: string; message_at: Date | null;
};

/** By `offset 0` each look-up stays one by key, also in a plan that was made while the tables were empty. */
async function readFacts(tx: Sql, tenant: number, changes: readonly Change[]): Promise<{ patientId: string; seq: number; messageId: string | null; fact: WrittenFact }[]> {
  if (changes.length === 0) return [];
  const rows = await tx.query<FactRow>(`
    select f.patient_id, f.seq, f.key, f.code, f.value, f.text is not null as worded, f.effective_at, f.status, f.flag, f.message_id, ${sourceColumns}, m.message_at
    from (select distinct * from unnest($2::uuid[], $3::bigint[], $4::uuid[]) as t(root_id, seq, message_id)) t
    cross join lateral (select id from patient where tenant = $1 and root_id = t.root_id offset 0) p
    cross join lateral (select * from fact where tenant = $1 and patient_id = p.id and seq = t.seq and message_id is not distinct from t.message_id offset 0) f
    left join message m on m.tenant = $1 and m.id = f.message_id ${joinSource}
    order by f.seq, f.n`,
  [tenant, changes.map(({ patientId }) => patientId), changes.map(({ seq }) => seq), changes.map(({ messageId }) => messageId ?? null)]);
  return rows.map((row) => ({
    patientId: row.patient_id, seq: row.seq, messageId: row.message_id,
    fact: {
      source: row.source, sourceId: row.source_id, code: row.code, key: row.key, value: row.value, worded: row.worded,
      effectiveAt: row.effective_at.getTime(), sentAt: row.message_at?.getTime() ?? null, status: row.status, flag: row.flag,
    },
  }));
}

async function readStayOrder(tx: Sql, tenant: number, rules: QualityRules, changes: readonly Change[]): Promise<Finding[]> {
  const wanted = rules.filter(({ kind }) => kind === 'stay-order');
  // A result names its stay too; only what changed it as its last word says something new of its order.
  const told = changes.filter(({ stayId }) => stayId !== undefined);
  if (wanted.length === 0 || told.length === 0) return [];
  const rows = await tx.query<{ patient_id: string; message_id: string | null; source_id: number; source: string }>(`
    select stay.patient_id, t.message_id, ${sourceColumns}
    from unnest($2::uuid[], $3::bigint[], $4::uuid[]) as t(stay_id, seq, message_id)
    join stay on stay.tenant = $1 and stay.id = t.stay_id and stay.changed_seq = t.seq and stay.ended_at < stay.admitted_at
    left join message m on m.tenant = $1 and m.id = t.message_id ${joinSource}`,
  [tenant, told.map(({ stayId }) => stayId), told.map(({ seq }) => seq), told.map(({ messageId }) => messageId ?? null)]);
  return rows.flatMap(({ patient_id: patientId, message_id: messageId, source_id: sourceId, source }) =>
    wanted.filter((rule) => applies(rule, source, '')).map((rule) => ({ rule, sourceId, patientId, code: null, factKey: null, messageId })));
}

async function writeCounts(tx: Sql, tenant: number, hour: Date, counts: ReadonlyMap<number, HourCount>): Promise<void> {
  if (counts.size === 0) return;
  const rows = [...counts].sort(([a], [b]) => a - b);
  const names = ['refused', 'facts', 'missing', 'flagged', 'timed', 'late', 'inconsistent'] as const;
  await tx.query(`
    insert into quality_hour as q (tenant, source_id, hour, ${names.join(', ')})
    select $1, t.source_id, $2, ${names.map((name) => `t.${name}`).join(', ')}
    from unnest($3::int[], ${names.map((_, n) => `$${n + 4}::bigint[]`).join(', ')}) as t(source_id, ${names.join(', ')})
    on conflict (tenant, source_id, hour) do update set ${names.map((name) => `${name} = q.${name} + excluded.${name}`).join(', ')}`,
  [tenant, hour, rows.map(([id]) => id), ...names.map((name) => rows.map(([, count]) => count[name]))]);
}

async function writeFindings(tx: Sql, tenant: number, hour: Date, at: Date, findings: readonly Finding[]): Promise<void> {
  if (findings.length === 0) return;
  const groups = [...Map.groupBy(findings, ({ rule, sourceId }) => `${sourceId} ${rule.id}`)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, own]) => own);
  const heads = groups.flatMap(([first, ...rest]) => (first === undefined ? [] : [{ ...first, times: rest.length + 1 }]));
  const counted = await tx.query<{ source_id: number; rule: string; found: number }>(`
    insert into quality_count as q (tenant, source_id, rule, hour, found)
    select $1, t.source_id, t.rule, $2, t.found from unnest($3::int[], $4::text[], $5::bigint[]) as t(source_id, rule, found)
    on conflict (tenant, source_id, rule, hour) do update set found = q.found + excluded.found returning source_id, rule, found`,
  [tenant, hour, heads.map(({ sourceId }) => sourceId), heads.map(({ rule }) => rule.id), heads.map(({ times }) => times)]);
  const totals = new Map(counted.map(({ source_id, rule, found }) => [`${source_id} ${rule}`, found]));
  const kept = groups.flatMap((own) => {
    const [first] = own;
    const before = first === undefined ? 0 : (totals.get(`${first.sourceId} ${first.rule.id}`) ?? own.length) - own.length;
    return own.slice(0, Math.max(0, keptPerHour - before));
  });
  if (kept.length === 0) return;
  await tx.query(`
    insert into quality_finding (tenant, id, rule, kind, source_id, patient_id, code, fact_key, message_id, found_at)
    select $1, t.id, t.rule, t.kind, t.source_id, t.patient_id, t.code, t.fact_key, t.message_id, $2
    from unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::uuid[], $8::text[], $9::uuid[], $10::uuid[])
      as t(id, rule, kind, source_id, patient_id, code, fact_key, message_id)`,
  [
    tenant, at, kept.map(() => uuidv7()), kept.map(({ rule }) => rule.id), kept.map(({ rule }) => rule.kind), kept.map(({ sourceId }) => sourceId),
    kept.map(({ patientId }) => patientId), kept.map(({ code }) => code), kept.map(({ factKey }) => factKey), kept.map(({ messageId }) => messageId),
  ]);
}
