import { randomBytes } from 'node:crypto';
import { canonicalJson, PrimumError, uuidv7 } from '@primum/base';
import type { Sql } from '@primum/store';
import { actorOf } from '../access/principal.ts';
import type { Keys } from '../keys/keys.ts';
import { toAuditEvent, type AuditInput } from './audit-event.ts';
import { auditLeaf, packEvent, unpackEvent } from './audit-leaf.ts';

export type Audit = {
  /** Writes the events in the caller's transaction: an action and its event are committed together or not at all. */
  write(tx: Sql, events: readonly AuditInput[]): Promise<void>;
};

export const auditAad = (id: string): string => `audit_event/${id}`;

export function createAudit({ keys }: { keys: Keys }): Audit {
  return {
    async write(tx, events) {
      if (events.length === 0) return;
      const rows = events.map((input) => {
        const id = uuidv7();
        const event = canonicalJson(toAuditEvent(id, input));
        const salt = randomBytes(32);
        return { id, input, leaf: auditLeaf(salt, event), sealed: keys.seal(input.tenant, { kind: 'tenant' }, packEvent(salt, event), auditAad(id)) };
      });
      await tx.query(
        `insert into audit_event (tenant, id, recorded_at, actor, action, outcome, purpose, patient_id, leaf, sealed)
         select * from unnest($1::int[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::bytea[], $10::bytea[])`,
        [rows.map(({ input }) => input.tenant), rows.map(({ id }) => id), rows.map(({ input }) => input.at), rows.map(({ input }) => actorOf(input.principal)),
          rows.map(({ input }) => input.action), rows.map(({ input }) => input.outcome), rows.map(({ input }) => input.purpose),
          rows.map(({ input }) => input.patientId ?? null), rows.map(({ leaf }) => leaf), rows.map(({ sealed }) => sealed)],
      );
    },
  };
}

type Row = { id: string; seq: number | null; recorded_at: Date; actor: string; action: string; outcome: string; purpose: string; patient_id: string | null; leaf: Buffer; sealed: Buffer };

export type AuditRecord = { id: string; seq: number | null; at: Date; actor: string; action: string; outcome: string; purpose: string; patientId: string | null; entities: { type: string; id: string }[] };
export type AuditQuery = { tenant: number; patientId?: string; actor?: string; action?: string; cursor?: string; limit?: number };

const columns = 'id, seq, recorded_at, actor, action, outcome, purpose, patient_id, leaf, sealed';

/** Newest first; `cursor` is the last id of the page before. */
export async function searchAudit(deps: { db: Sql; keys: Keys }, query: AuditQuery): Promise<{ rows: AuditRecord[]; cursor: string | null }> {
  const limit = Math.min(query.limit ?? 100, 500);
  const found = await deps.db.query<Row>(
    `select ${columns} from audit_event
     where tenant = $1 and ($2::uuid is null or patient_id = $2) and ($3::text is null or actor = $3) and ($4::text is null or action = $4) and ($5::uuid is null or id < $5)
     order by id desc limit $6`,
    [query.tenant, query.patientId ?? null, query.actor ?? null, query.action ?? null, query.cursor ?? null, limit],
  );
  const rows = await Promise.all(found.map(async (row): Promise<AuditRecord> => ({
    id: row.id, seq: row.seq, at: row.recorded_at, actor: row.actor, action: row.action, outcome: row.outcome, purpose: row.purpose, patientId: row.patient_id,
    entities: entitiesOf(unpackEvent(await deps.keys.open(query.tenant, row.sealed, auditAad(row.id))).event),
  })));
  return { rows, cursor: found.length === limit ? found.at(-1)!.id : null };
}

function entitiesOf(event: string): { type: string; id: string }[] {
  const parsed: { entity?: { what?: { reference?: string } }[] } = JSON.parse(event);
  return (parsed.entity ?? []).flatMap(({ what }) => {
    const [type, id] = (what?.reference ?? '').split('/');
    return type === undefined || id === undefined ? [] : [{ type, id }];
  });
}

export type AuditFinding = { seq: number; id: string | null; what: 'missing' | 'altered' | 'unreadable' };

/** Recomputes every leaf and compares the columns in clear with the sealed event: names what was altered or is missing. */
export async function verifyAudit(deps: { db: Sql; keys: Keys }, tenant: number): Promise<{ checked: number; findings: AuditFinding[] }> {
  const findings: AuditFinding[] = [];
  let checked = 0;
  const [head] = await deps.db.query<{ seq: number }>('select seq from audit_head where tenant = $1', [tenant]);
  for (let from = 0; ;) {
    const rows = await deps.db.query<Row>(`select ${columns} from audit_event where tenant = $1 and seq > $2 order by seq limit 1000`, [tenant, from]);
    if (rows.length === 0) break;
    for (const row of rows) {
      const seq = row.seq!;
      for (let gap = from + 1; gap < seq; gap += 1) findings.push({ seq: gap, id: null, what: 'missing' });
      from = seq;
      checked += 1;
      const what = await examine(deps.keys, tenant, row);
      if (what !== undefined) findings.push({ seq, id: row.id, what });
    }
  }
  return { checked, findings: [...findings, ...missingTail(checked, findings, head?.seq ?? 0)] };
}

function missingTail(checked: number, findings: readonly AuditFinding[], head: number): AuditFinding[] {
  const seen = checked + findings.filter(({ what }) => what === 'missing').length;
  return Array.from({ length: Math.max(0, head - seen) }, (_, index) => ({ seq: seen + index + 1, id: null, what: 'missing' as const }));
}

async function examine(keys: Keys, tenant: number, row: Row): Promise<'altered' | 'unreadable' | undefined> {
  try {
    const { salt, event } = unpackEvent(await keys.open(tenant, row.sealed, auditAad(row.id)));
    const parsed: { id: string; recorded: string; agent: { who: { identifier: { value: string } } }[]; purposeOfEvent: { coding: { code: string }[] }[]; outcome: string; entity: { what: { reference: string } }[] } = JSON.parse(event);
    const outcome = { 0: 'success', 4: 'minor-failure', 8: 'serious-failure' }[parsed.outcome];
    const patient = parsed.entity.map(({ what }) => what.reference).find((reference) => reference.startsWith('Patient/'))?.slice(8) ?? null;
    const same = auditLeaf(salt, event).equals(row.leaf) && parsed.id === row.id && parsed.recorded === row.recorded_at.toISOString()
      && parsed.agent[0]?.who.identifier.value === row.actor && parsed.purposeOfEvent[0]?.coding[0]?.code === row.purpose
      && outcome === row.outcome && patient === row.patient_id;
    return same ? undefined : 'altered';
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'trust.key-missing') return 'unreadable';
    return 'altered';
  }
}
