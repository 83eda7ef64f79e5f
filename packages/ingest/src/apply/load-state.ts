import type { Encounter, Observation, Patient, Resource } from '@medplum/fhirtypes';
import { epochOf, PrimumError } from '@primum/base';
import { readStayEvents, resourceAad } from '@primum/record';
import type { Sql } from '@primum/store';
import type { Keys } from '@primum/trust';
import { keptTypes } from '../keep/kept-ids.ts';
import type { PreparedMessage } from '../reduce/message-context.ts';
import { emptyState, type MovableResult, type RecordState } from '../reduce/record-state.ts';

/** Thrown where another transaction merged patients between our finding and our locking them: begin again. */
export class GroupsMoved extends Error {}

type IdentityRow = { token: Buffer; patient_id: string; root_id: string };
type MemberRow = { id: string; site_id: number; root_id: string; into_id: string | null };
type StayRow = { id: string; patient_id: string; site_id: number; visit_token: Buffer };
type VersionRow = { id: string; version: number; patient_id: string; deleted: boolean };

/**
 * Everything of the record that these messages may need, in few statements whatever their number, after locking the
 * roots of every patient that they name. Draws the sequence under those locks, so that per patient it grows in the
 * order of commits.
 */
export async function loadState(deps: { tx: Sql; keys: Keys }, tenant: number, messages: readonly PreparedMessage[]): Promise<{ state: RecordState; seq: number }> {
  const { tx } = deps;
  const state = emptyState();
  const identities = await lockIdentities(tx, tenant, messages);
  for (const { token, patient_id } of identities) state.byToken.set(token.toString('hex'), patient_id);
  const rootIds = [...new Set(identities.map(({ root_id }) => root_id))];
  const visitTokens = new Set(messages.flatMap(({ subjects, priors }) => [...subjects.flatMap(({ visitToken }) => visitToken ?? []), ...priors.flatMap((prior) => [...prior.visitTokens, ...(prior.visitNowToken === undefined ? [] : [prior.visitNowToken])])]));

  const [seqRow, members, stays] = await Promise.all([
    tx.query<{ seq: number }>("select nextval('known_seq') as seq", []),
    readMembers(tx, tenant, rootIds),
    readStays(tx, tenant, rootIds, [...visitTokens]),
  ]);
  for (const row of members) {
    state.patients.set(row.id, { id: row.id, siteId: row.site_id, rootId: row.root_id, intoId: row.into_id, version: 0, resource: undefined });
  }
  if (identities.some(({ patient_id, root_id }) => state.patients.get(patient_id)?.rootId !== root_id)) throw new GroupsMoved();

  const groups = new Map<string, string[]>();
  for (const { id, rootId } of state.patients.values()) groups.set(rootId, [...groups.get(rootId) ?? [], id]);
  const rootOfToken = (token: string): string | undefined => state.patients.get(state.byToken.get(token) ?? '')?.rootId;
  const resultKeys = new Set<string>();
  const changing = new Set<string>();
  const moving = new Set<string>();
  const losing = new Set<string>();
  const keptPlaces = new Map<string, { type: string; id: string }>();
  for (const message of messages) {
    const tokens = [...message.subjects.flatMap(({ tokens: own }) => own), ...message.priors.flatMap(({ tokens: own }) => own)];
    const { type } = message.reading;
    const typeOf = keptTypes(message.kept);
    const addKept = (patientId: string): void => {
      for (const [name, id] of message.keptIds(patientId)) keptPlaces.set(`${typeOf(name)}/${id}`, { type: typeOf(name), id });
    };
    const roots = new Set(tokens.map(rootOfToken));
    if (roots.size === 0 || roots.has(undefined)) addKept('');
    for (const rootId of roots) {
      const group = rootId === undefined ? [] : groups.get(rootId) ?? [];
      for (const id of group) {
        for (const key of message.reading.results.length === 0 ? [] : message.resultKeys(id)) resultKeys.add(key);
        addKept(id);
        if (type.does !== 'none') changing.add(id);
        if (type.does === 'merge' || type.does === 'change-identifier' || type.does === 'unlink') moving.add(id);
        if (type.does === 'move-visit') losing.add(id);
      }
    }
  }
  const changingStays = stays.filter(({ patient_id }) => changing.has(patient_id)).map(({ id }) => id);
  const [observations, events, bounds, bodies, kept, movable] = await Promise.all([
    readObservations(tx, tenant, [...resultKeys]),
    readStayEvents(tx, tenant, stays.map(({ id }) => id)),
    moving.size === 0 ? [] : readBounds(tx, tenant, [...moving]),
    changing.size === 0 ? [] : readBodies(tx, tenant, [...changing], changingStays),
    readKeptBodies(tx, tenant, [...keptPlaces.values()]),
    readMovable(tx, tenant, [...losing]),
  ]);
  for (const row of observations) state.observations.set(row.id, { patientId: row.patient_id, version: row.version, retracted: row.deleted });
  for (const row of stays) {
    const visitToken = row.visit_token.toString('hex');
    state.stays.set(row.id, { id: row.id, patientId: row.patient_id, siteId: row.site_id, visitToken, events: events.get(row.id) ?? [], version: 0, resource: undefined });
    state.byVisit.set(visitToken, row.id);
  }
  for (const { patient_id, from, to } of bounds) state.factBounds.set(patient_id, { from: from.getTime(), to: to.getTime() });
  await openBodies(deps.keys, tenant, state, bodies);
  for (const row of kept) {
    const json = (await deps.keys.open(tenant, row.body, resourceAad(tenant, row.type, row.id, row.version))).toString();
    state.kept.set(`${row.type}/${row.id}`, { patientId: row.patient_id, version: row.version, deleted: row.deleted, body: JSON.parse(json) as Resource }); // sealed by us under this type
  }
  await openMovable(deps.keys, tenant, state, movable);
  return { state, seq: seqRow[0]?.seq ?? 0 };
}

async function lockIdentities(tx: Sql, tenant: number, messages: readonly PreparedMessage[]): Promise<IdentityRow[]> {
  const tokens = new Set(messages.flatMap(({ subjects, priors }) => [...subjects, ...priors].flatMap(({ tokens: own }) => own)));
  // Ordered, so that two transactions lock the same roots in the same order.
  return tx.query<IdentityRow>(`
    select i.token, i.patient_id, r.id as root_id
    from patient_identifier i
    join patient p on p.tenant = i.tenant and p.id = i.patient_id
    join patient r on r.tenant = p.tenant and r.id = p.root_id
    where i.tenant = $1 and i.token = any($2::bytea[])
    order by r.id for update of r`,
  [tenant, [...tokens].map((token) => Buffer.from(token, 'hex'))]);
}

function readMembers(tx: Sql, tenant: number, rootIds: readonly string[]): Promise<MemberRow[]> {
  return tx.query<MemberRow>(`
    select p.id, p.site_id, p.root_id, link.into_id
    from patient p
    left join lateral (select into_id from patient_link l where l.tenant = p.tenant and l.from_id = p.id order by seq desc limit 1) link on p.root_id <> p.id
    where p.tenant = $1 and p.root_id = any($2::uuid[])`,
  [tenant, rootIds]);
}

/** Stays of these patients, and those that the visit numbers name, whosever they are: a number of another patient is refused. */
function readStays(tx: Sql, tenant: number, rootIds: readonly string[], visitTokens: readonly string[]): Promise<StayRow[]> {
  return tx.query<StayRow>(`
    select s.id, s.patient_id, s.site_id, s.visit_token from patient p join stay s on s.tenant = p.tenant and s.patient_id = p.id
    where p.tenant = $1 and p.root_id = any($2::uuid[])
    union
    select id, patient_id, site_id, visit_token from stay where tenant = $1 and visit_token = any($3::bytea[])`,
  [tenant, rootIds, visitTokens.map((token) => Buffer.from(token, 'hex'))]);
}

async function readObservations(tx: Sql, tenant: number, keys: readonly string[]): Promise<VersionRow[]> {
  if (keys.length === 0) return [];
  return tx.query<VersionRow>(`
    select r.id, r.version, r.patient_id, r.deleted
    from unnest($2::uuid[]) key(id) cross join lateral (
      select id, version, patient_id, deleted from resource
      where tenant = $1 and type = 'Observation' and id = key.id order by version desc limit 1) r`,
  [tenant, keys]);
}

function readBounds(tx: Sql, tenant: number, patientIds: readonly string[]): Promise<{ patient_id: string; from: Date; to: Date }[]> {
  return tx.query(
    'select patient_id, min(effective_at) as from, max(effective_at) as to from fact where tenant = $1 and patient_id = any($2::uuid[]) group by patient_id',
    [tenant, patientIds],
  );
}

type BodyRow = { type: 'Patient' | 'Encounter'; id: string; version: number; body: Buffer };

function readBodies(tx: Sql, tenant: number, patientIds: readonly string[], stayIds: readonly string[]): Promise<BodyRow[]> {
  return tx.query<BodyRow>(`
    select r.type, r.id, r.version, r.body
    from (select 'Patient' as type, id from unnest($2::uuid[]) id union all select 'Encounter', id from unnest($3::uuid[]) id) key
    cross join lateral (
      select type, id, version, body from resource where tenant = $1 and type = key.type and id = key.id order by version desc limit 1) r`,
  [tenant, patientIds, stayIds]);
}

async function openBodies(keys: Keys, tenant: number, state: RecordState, rows: readonly BodyRow[]): Promise<void> {
  for (const { type, id, version, body } of rows) {
    const json = (await keys.open(tenant, body, resourceAad(tenant, type, id, version))).toString();
    if (type === 'Patient') {
      const patient = state.patients.get(id);
      if (patient !== undefined) state.patients.set(id, { ...patient, version, resource: JSON.parse(json) as Patient }); // sealed by us as a Patient
    } else {
      const stay = state.stays.get(id);
      if (stay !== undefined) state.stays.set(id, { ...stay, version, resource: JSON.parse(json) as Encounter }); // sealed by us as an Encounter
    }
  }
}

type KeptRow = { type: string; id: string; version: number; patient_id: string | null; deleted: boolean; body: Buffer };

async function readKeptBodies(tx: Sql, tenant: number, places: readonly { type: string; id: string }[]): Promise<KeptRow[]> {
  if (places.length === 0) return [];
  return tx.query<KeptRow>(`
    select r.type, r.id, r.version, r.patient_id, r.deleted, r.body from unnest($2::text[], $3::uuid[]) as key(type, id) cross join lateral (
      select type, id, version, patient_id, deleted, body from resource where tenant = $1 and type = key.type and id = key.id order by version desc limit 1) r`,
  [tenant, places.map(({ type }) => type), places.map(({ id }) => id)]);
}

const mostMovable = 50_000;

type MovableRow = Omit<KeptRow, 'type' | 'patient_id'> & {
  patient_id: string; source_id: number | null; code: string | null; value: number | null; text: string | null; effective_at: Date | null;
  status: NonNullable<MovableResult['fact']>['status'] | null; flag: NonNullable<NonNullable<MovableResult['fact']>['flag']> | null;
};

/** Every result of patients who lose a visit, with the fact that stands for it. More than can be held is refused: a person has to look. */
async function readMovable(tx: Sql, tenant: number, patientIds: readonly string[]): Promise<MovableRow[]> {
  if (patientIds.length === 0) return [];
  const rows = await tx.query<MovableRow>(`
    select r.id, r.version, r.patient_id, r.deleted, r.body, m.source_id, f.code, f.value, f.text, f.effective_at, f.status, f.flag
    from (select distinct on (id) id, version, patient_id, deleted, message_id, body from resource
      where tenant = $1 and patient_id = any($2::uuid[]) and type = 'Observation' order by id, version desc limit $3) r
    left join message m on m.tenant = $1 and m.id = r.message_id
    left join lateral (select code, value, text, effective_at, status, flag from fact
      where tenant = $1 and patient_id = r.patient_id and key = r.id order by seq desc, n desc limit 1) f on true
    where not r.deleted`,
  [tenant, patientIds, mostMovable + 1]);
  if (rows.length > mostMovable) throw new PrimumError('ingest.apply-failed', 'more results than can be moved at once');
  return rows;
}

async function openMovable(keys: Keys, tenant: number, state: RecordState, rows: readonly MovableRow[]): Promise<void> {
  for (const row of rows) {
    const body = JSON.parse((await keys.open(tenant, row.body, resourceAad(tenant, 'Observation', row.id, row.version))).toString()) as Observation; // sealed by us as an Observation
    const stayId = body.encounter?.reference?.slice('Encounter/'.length);
    if (stayId === undefined || row.source_id === null) continue;
    const { code, value, text, effective_at: at, status, flag } = row;
    const held = state.movable.get(stayId);
    const movable = held ?? [];
    if (held === undefined) state.movable.set(stayId, movable);
    movable.push({
      id: row.id, patientId: row.patient_id, version: row.version, sourceId: row.source_id, body, effectiveAt: at?.getTime() ?? epochOf(body.effectiveDateTime ?? ''),
      fact: code === null || at === null || status === null || status === 'retracted' ? undefined : {
        code, value, effectiveAt: at.getTime(), status, ...(text === null ? {} : { text }), ...(flag === null ? {} : { flag }),
      },
    });
  }
}
