import { detachData, holdsLarge, insertContent, joinBytes, writeFacts, writeStayEvents, writeStays, writeVersions, type ResourceRow, type SearchIndex, type StoredContent } from '@primum/record';
import type { Objects, OutboxEvent, Sql } from '@primum/store';
import { mintSystemPrincipal, type Audit, type AuditInput, type Keys } from '@primum/trust';
import { messageAad } from '../accept/acceptor.ts';
import { ownerOf } from '../reduce/apply-message.ts';
import type { PatientState, RecordState, StayState } from '../reduce/record-state.ts';
import type { Breathe } from './breathe.ts';
import type { PlacedIssue } from '../validation/check-resources.ts';
import type { Outcome } from './reduce-batch.ts';

export type FlushDeps = { tx: Sql; keys: Keys; audit: Audit; search: SearchIndex; objects: Objects; /** Gets what was put among the objects. */ stored: StoredContent[]; breathe: Breathe };

/**
 * Writes what a batch did in a fixed number of set-based statements, sent together: patients, links, stays, resources,
 * facts, the messages' own states, audit events and announcements, all in the caller's transaction.
 */
export async function flushBatch(deps: FlushDeps, tenant: number, batch: { state: RecordState; seq: number; outcomes: readonly Outcome[]; at: Date }): Promise<void> {
  const { tx, keys } = deps;
  const { state, seq, outcomes } = batch;
  const applied = outcomes.flatMap((outcome) => (outcome.effects === undefined ? [] : [{ ready: outcome.ready, effects: outcome.effects }]));
  const patients = new Map<string, PatientState>();
  const touched = new Set<string>();
  const stays = new Map<string, StayState>();
  for (const { effects } of applied) {
    for (const id of effects.patients.keys()) patients.set(id, stateOf(state.patients, id));
    for (const id of effects.stays.keys()) stays.set(id, stateOf(state.stays, id));
    for (const id of [...effects.touched.keys(), ...effects.patients.keys(), ...effects.facts.map(({ patientId }) => patientId), ...effects.resources.flatMap(({ patientId }) => patientId ?? [])]) touched.add(id);
  }
  for (const rootId of Array.from(touched, (id) => stateOf(state.patients, id).rootId)) touched.add(rootId);
  const newIds = new Set(applied.flatMap(({ effects }) => [...effects.newPatients]));
  await keys.ensure(tenant, [...touched].map((patientId) => ({ kind: 'patient', patientId })));
  // What belongs to nobody may be another applier's too: in one order everywhere.
  const said = applied.flatMap(({ ready, effects }) => effects.resources.map((row): ResourceRow => ({ ...row, messageId: ready.taken.id, deleted: isWithdrawn(row.body) })));
  const contents: { of: string; content: StoredContent }[] = [];
  const rows: ResourceRow[] = [];
  for (const row of said) {
    if (holdsLarge(row.body)) rows.push(...await withoutLargeData(deps, tenant, row, contents));
    else rows.push(row);
  }
  const resources = rows
    .sort((a, b) => Number(b.patientId === null) - Number(a.patientId === null) || (a.patientId === null ? a.id.localeCompare(b.id) : 0));
  await Promise.all([
    insertPatients(tx, tenant, seq, [...newIds].map((id) => stateOf(state.patients, id))),
    updatePatients(tx, tenant, seq, [...touched].filter((id) => !newIds.has(id)).map((id) => stateOf(state.patients, id))),
    insertIdentifiers(tx, tenant, applied.flatMap(({ effects }) => [...effects.identifiers])),
    insertLinks(tx, tenant, seq, applied.flatMap(({ ready, effects }) => effects.links.map((link) => ({ ...link, messageId: ready.taken.id })))),
    writeStays(tx, tenant, seq, [...stays.values()]),
    writeStayEvents(tx, tenant, applied.flatMap(({ ready, effects }) => effects.stayEvents.map((row) => ({ ...row, messageId: ready.taken.id })))),
    writeVersions({ tx, keys, search: deps.search }, tenant, seq, resources, { announced: announcements(tenant, seq, state, outcomes), breathe: deps.breathe }),
    writeFacts(tx, tenant, seq, applied.flatMap(({ ready, effects }) => effects.facts.map((fact) => ({ ...fact, messageId: ready.taken.id })))),
    ...contents.map(({ of, content }) => insertContent(tx, tenant, content, { resourceId: of, version: 1 })),
    updateMessages(tx, keys, tenant, outcomes),
    countUnmapped(tx, tenant, applied),
    countIssues(tx, tenant, outcomes),
    deps.audit.write(tx, auditEvents(tenant, outcomes, batch.at)),
  ]);
}

/** Documents and pictures (OBX-5 of type ED) lie among the objects, and a Binary of the same patient stands for each. */
async function withoutLargeData(deps: FlushDeps, tenant: number, row: ResourceRow, contents: { of: string; content: StoredContent }[]): Promise<ResourceRow[]> {
  const detached = await detachData(deps, tenant, row.body, row.patientId === null ? null : { rowId: row.patientId, id: row.patientId });
  contents.push(...detached.contents);
  deps.stored.push(...detached.contents.map(({ content }) => content));
  return [{ ...row, body: detached.resource }, ...detached.binaries.map((body): ResourceRow => ({ ...row, type: 'Binary', id: body.id, version: 1, body, deleted: false }))];
}

function stateOf<T>(states: ReadonlyMap<string, T>, id: string): T {
  const found = states.get(id);
  if (found === undefined) throw new Error('a batch refers to what it has not loaded');
  return found;
}

const isWithdrawn = (body: { resourceType: string; status?: unknown }): boolean => body.resourceType === 'Observation' && body.status === 'entered-in-error';

async function insertPatients(tx: Sql, tenant: number, seq: number, patients: readonly PatientState[]): Promise<void> {
  if (patients.length === 0) return;
  await tx.query(`
    insert into patient (tenant, id, site_id, root_id, known_seq)
    select $1, t.id, t.site_id, t.root_id, $2 from unnest($3::uuid[], $4::int[], $5::uuid[]) as t(id, site_id, root_id)`,
  [tenant, seq, patients.map(({ id }) => id), patients.map(({ siteId }) => siteId), patients.map(({ rootId }) => rootId)]);
}

async function updatePatients(tx: Sql, tenant: number, seq: number, patients: readonly PatientState[]): Promise<void> {
  if (patients.length === 0) return;
  await tx.query(`
    update patient p set known_seq = $2, root_id = t.root_id
    from unnest($3::uuid[], $4::uuid[]) as t(id, root_id) where p.tenant = $1 and p.id = t.id`,
  [tenant, seq, patients.map(({ id }) => id), patients.map(({ rootId }) => rootId)]);
}

async function insertIdentifiers(tx: Sql, tenant: number, identifiers: readonly (readonly [token: string, patientId: string])[]): Promise<void> {
  if (identifiers.length === 0) return;
  await tx.query('insert into patient_identifier (tenant, token, patient_id) select $1, * from unnest($2::bytea[], $3::uuid[])',
    [tenant, identifiers.map(([token]) => Buffer.from(token, 'hex')), identifiers.map(([, id]) => id)]);
}

async function insertLinks(tx: Sql, tenant: number, seq: number, links: readonly { fromId: string; intoId: string | null; messageId: string }[]): Promise<void> {
  if (links.length === 0) return;
  await tx.query(`
    insert into patient_link (tenant, from_id, seq, into_id, message_id)
    select $1, t.from_id, $2, t.into_id, t.message_id from unnest($3::uuid[], $4::uuid[], $5::uuid[]) as t(from_id, into_id, message_id)`,
  [tenant, seq, links.map(({ fromId }) => fromId), links.map(({ intoId }) => intoId), links.map(({ messageId }) => messageId)]);
}

/** An applied message is sealed again under its patient's key, or the tenant's where it speaks of several. */
async function updateMessages(tx: Sql, keys: Keys, tenant: number, outcomes: readonly Outcome[]): Promise<void> {
  const { bytes, starts, lengths } = joinBytes(outcomes.map(({ ready, effects }) => {
    if (effects === undefined) return Buffer.alloc(0);
    const patientId = ownerOf(effects);
    return keys.seal(tenant, patientId === null ? { kind: 'tenant' } : { kind: 'patient', patientId }, ready.raw, messageAad(tenant, ready.taken.id));
  }));
  await tx.query(`
    update message m set status = t.status, reason_code = t.reason_code, reason_detail = t.reason_detail,
      sealed = case when t.length = 0 then m.sealed else substring($6::bytea from t.start for t.length) end,
      applied_at = case when t.status = 'applied' then clock_timestamp() end
    from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $7::int[], $8::int[]) as t(id, status, reason_code, reason_detail, start, length)
    where m.tenant = $1 and m.id = t.id`,
  [
    tenant, outcomes.map(({ ready }) => ready.taken.id), outcomes.map(({ problem }) => (problem === undefined ? 'applied' : 'quarantined')),
    outcomes.map(({ problem }) => problem?.code ?? null),
    outcomes.map(({ problem }) => (problem === undefined ? null : [problem.location, problem.detail].filter((part) => part !== undefined).join(' '))),
    bytes, starts, lengths,
  ]);
}

async function countUnmapped(tx: Sql, tenant: number, applied: readonly { ready: Outcome['ready']; effects: NonNullable<Outcome['effects']> }[]): Promise<void> {
  const counts = new Map<string, { sourceId: number; code: string; unit: string; why: string; times: number; first: string; last: string }>();
  for (const { ready, effects } of applied) {
    const sourceId = ready.taken.sourceId;
    if (sourceId === null) continue;
    for (const { code, unit, why } of effects.unmapped) {
      const name = JSON.stringify([sourceId, code, unit, why]);
      const known = counts.get(name);
      if (known === undefined) counts.set(name, { sourceId, code, unit, why, times: 1, first: ready.taken.id, last: ready.taken.id });
      else counts.set(name, { ...known, times: known.times + 1, last: ready.taken.id });
    }
  }
  if (counts.size === 0) return;
  // In one order everywhere, so that two appliers that count the same codes do not wait for each other in a ring.
  const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  await tx.query(`
    insert into unmapped_code as u (tenant, source_id, code, unit, why, times, first_message_id, last_message_id, last_at)
    select $1, t.source_id, t.code, t.unit, t.why, t.times, t.first, t.last, clock_timestamp()
    from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::uuid[], $8::uuid[]) as t(source_id, code, unit, why, times, first, last)
    on conflict (tenant, source_id, code, unit, why) do update
      set times = u.times + excluded.times, last_message_id = excluded.last_message_id, last_at = excluded.last_at`,
  [
    tenant, rows.map(({ sourceId }) => sourceId), rows.map(({ code }) => code), rows.map(({ unit }) => unit), rows.map(({ why }) => why),
    rows.map(({ times }) => times), rows.map(({ first }) => first), rows.map(({ last }) => last),
  ]);
}

async function countIssues(tx: Sql, tenant: number, outcomes: readonly Outcome[]): Promise<void> {
  const counts = new Map<string, PlacedIssue & { sourceId: number; times: number; first: string; last: string }>();
  for (const { ready: { taken: { id, sourceId } }, issues = [] } of outcomes) {
    if (sourceId === null) continue;
    for (const issue of issues) {
      const name = JSON.stringify([sourceId, issue.expression, issue.code, issue.severity]);
      const known = counts.get(name);
      counts.set(name, known === undefined ? { ...issue, sourceId, times: 1, first: id, last: id } : { ...known, times: known.times + 1, last: id });
    }
  }
  if (counts.size === 0) return;
  const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row); // as above
  await tx.query(`
    insert into validation_issue as v (tenant, source_id, expression, code, severity, detail, times, first_message_id, last_message_id, last_at)
    select $1, t.source_id, t.expression, t.code, t.severity, t.detail, t.times, t.first, t.last, clock_timestamp()
    from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::uuid[], $9::uuid[]) as t(source_id, expression, code, severity, detail, times, first, last)
    on conflict (tenant, source_id, expression, code, severity) do update
      set times = v.times + excluded.times, detail = excluded.detail, last_message_id = excluded.last_message_id, last_at = excluded.last_at`,
  [
    tenant, rows.map(({ sourceId }) => sourceId), rows.map(({ expression }) => expression), rows.map(({ code }) => code), rows.map(({ severity }) => severity), rows.map(({ detail }) => detail),
    rows.map(({ times }) => times), rows.map(({ first }) => first), rows.map(({ last }) => last),
  ]);
}

/** One event a message: what it wrote, to whom. Resources are named by the message's Provenance. */
function auditEvents(tenant: number, outcomes: readonly Outcome[], at: Date): AuditInput[] {
  const base = { tenant, principal: mintSystemPrincipal('ingest'), purpose: 'TREAT', at } as const;
  return outcomes.map(({ ready, effects }) => {
    const message = { type: 'message', id: ready.taken.id };
    if (effects === undefined) return { ...base, action: 'message.quarantined', outcome: 'minor-failure', entities: [message] };
    const patientIds = [...new Set([...effects.touched.keys(), ...effects.patients.keys(), ...effects.resources.flatMap(({ patientId }) => patientId ?? [])])];
    return { ...base, action: 'phi.write', outcome: 'success', patientIds, entities: [message, { type: 'Provenance', id: ready.taken.id }] };
  });
}

function announcements(tenant: number, seq: number, state: RecordState, outcomes: readonly Outcome[]): OutboxEvent[] {
  return outcomes.flatMap(({ ready, effects, problem }): OutboxEvent[] => {
    const messageId = ready.taken.id;
    if (effects === undefined) return [{ tenant, topic: 'message.quarantined', payload: { messageId, code: problem.code } }];
    const byRoot = new Map<string, string | undefined>();
    for (const [id, stayId] of effects.touched) byRoot.set(stateOf(state.patients, id).rootId, stayId);
    return [...byRoot].map(([rootId, stayId]) => ({
      tenant,
      topic: 'patient.changed',
      key: rootId,
      payload: {
        patientId: rootId, ...(stayId === undefined ? {} : { stayId }), seq, fromAt: effects.fromAt, toAt: effects.toAt,
        kind: effects.kind, messageId, receivedAtMs: ready.taken.receivedAt,
      },
    }));
  });
}
