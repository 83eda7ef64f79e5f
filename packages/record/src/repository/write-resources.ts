import type { Encounter, Location, Observation, Patient, Resource } from '@medplum/fhirtypes';
import { canonicalJson, PrimumError, type Clock } from '@primum/base';
import { sqlState, writeOutbox, type Db, type Sql } from '@primum/store';
import { requirePermission, scopesAllow, type Audit, type Authority, type Keys, type Policy, type Principal, type Purpose } from '@primum/trust';
import type { CodeTable } from '../codes/code-table.ts';
import { resourceAad, type ResourceRow } from '../resources/resource-rows.ts';
import { followStays, type EncounterChange, type PatientChange, type StayEffects } from '../stays/follow-stays.ts';
import { writeStayEvents, writeStays } from '../stays/stay-rows.ts';
import { loadStayRules, type StayRules } from '../stays/stay-rules.ts';
import { factsOfObservation, type ObservedFact } from '../timeline/facts-of-observation.ts';
import { writeFacts } from '../timeline/write-facts.ts';
import { identifiersOf } from './identifier-tokens.ts';
import { patientIdOf } from './patient-of.ts';
import { factKeyOf, rowIdOf } from './row-id.ts';
import { writeVersions, type SearchIndex } from './write-versions.ts';

export type WriteDeps = { db: Db; keys: Keys; audit: Audit; policy: Policy; clock: Clock; search: SearchIndex; codes: CodeTable; /** How Encounters are read as stays; the shipped ones where absent. */ stayRules?: StayRules };

export type WriteCall = {
  tenant: number;
  principal: Principal;
  purpose: Purpose;
  /** As the audit log names it: `resource.write` unless said otherwise. */
  action?: string;
  /** Which message these come from, for lineage. */
  messageId?: string;
  /** A part of Primum that writes by its own authority: asked in the place of record.write and record.define. */
  authority?: Authority;
  /** What else is written in the same transaction, after the versions are known. */
  within?(tx: Sql, written: readonly Written[]): Promise<void>;
};

export type WriteOperation =
  /** `resource.id` is a new one, made by the server. */
  | { kind: 'create'; resource: Resource }
  /** Replaces what stands under `resource.id`, or begins it there where `mustExist` is not set. `ifMatch`: the version that it must replace; 0: nothing may stand there. */
  | { kind: 'update'; resource: Resource; ifMatch?: number; mustExist?: boolean }
  | { kind: 'delete'; type: string; id: string; ifMatch?: number };

/** `absent`: there was nothing to delete. `unchanged`: what was sent is what stands there, and no version was made. */
export type Written = { type: string; id: string; version: number; at: Date; outcome: 'created' | 'updated' | 'unchanged' | 'deleted' | 'absent' };

const maxOperations = 5_000;
const attempts = 5;
const entitiesPerEvent = 1_500;

/**
 * Writes resources in one transaction: all of them or none. Patients that the operations create are registered with
 * their keys and identifiers; every other patient must be on record (record.reference-unknown) and allowed to the
 * principal. Under the patients' locks a sequence is drawn, versions and what they are found by are written, Observations
 * become facts, Encounters stays (followStays), and the audit event stands in the same transaction. Results are in the order of the operations.
 *
 * Errors: auth.forbidden, auth.scope-insufficient, record.reference-unknown, record.not-found (`mustExist`),
 * record.version-mismatch (`ifMatch`), record.version-conflict (others kept changing the same), record.erased.
 */
export async function writeResources(deps: WriteDeps, call: WriteCall, operations: readonly WriteOperation[]): Promise<Written[]> {
  if (operations.length === 0) return [];
  if (operations.length > maxOperations) throw new PrimumError('record.too-many', `more than ${maxOperations} at once`);
  const planned = operations.map((operation) => plan(deps, call.tenant, operation));
  const places = new Set(planned.map(({ type, rowId }) => `${type}/${rowId}`));
  if (places.size < planned.length) throw new PrimumError('record.repeated', 'a resource stands twice in one transaction');
  demandScopes(call.principal, operations);
  for (let attempt = 1; ; attempt += 1) {
    const owners = await ownersOf(deps.db, call.tenant, planned);
    await demand(deps, call, planned, owners);
    try {
      return await deps.db.transaction((tx) => write(deps, tx, call, planned, owners));
    } catch (error) {
      const contended = sqlState(error) === '23505' || error instanceof Overtaken;
      if (!contended) throw error;
      if (attempt === attempts) throw new PrimumError('record.version-conflict');
    }
  }
}

/** What was looked up before the locks is not so any more. */
class Overtaken extends Error {}

type Planned = { operation: WriteOperation; type: string; id: string; rowId: string; /** Row id of the patient whose record it will be in. */ patientId: string | null };

function plan({ keys }: Pick<WriteDeps, 'keys'>, tenant: number, operation: WriteOperation): Planned {
  const type = operation.kind === 'delete' ? operation.type : operation.resource.resourceType;
  const id = operation.kind === 'delete' ? operation.id : operation.resource.id ?? '';
  if (id === '') throw new PrimumError('internal.bug', 'a resource without an id');
  const patient = operation.kind === 'delete' ? null : patientIdOf(operation.resource);
  return { operation, type, id, rowId: rowIdOf(keys, tenant, type, id), patientId: patient === null ? null : rowIdOf(keys, tenant, 'Patient', patient) };
}

/** Letters of SMART scopes; which patient is asked of the policies. */
function demandScopes(principal: Principal, operations: readonly WriteOperation[]): void {
  const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
  if (scopes === undefined) return;
  for (const operation of operations) {
    const type = operation.kind === 'delete' ? operation.type : operation.resource.resourceType;
    const letter = ({ create: 'c', update: 'u', delete: 'd' } as const)[operation.kind];
    if (!scopesAllow(scopes, letter, type)) throw new PrimumError('auth.scope-insufficient');
  }
}

type Owners = { /** By type/row id; absent where nothing stands there yet. */ of: ReadonlyMap<string, string | null>; /** Of the patients that are named, those on record. */ patients: ReadonlySet<string> };

async function ownersOf(sql: Sql, tenant: number, planned: readonly Planned[]): Promise<Owners> {
  const standing = planned.filter(({ operation }) => operation.kind !== 'create');
  const named = [...new Set(planned.flatMap(({ patientId }) => patientId ?? []))];
  const [owned, patients] = await Promise.all([
    standing.length === 0 ? [] : sql.query<{ type: string; id: string; patient_id: string | null }>(`
      select r.type, r.id, r.patient_id from unnest($2::text[], $3::uuid[]) as t(type, id) cross join lateral (
        select type, id, patient_id from resource where tenant = $1 and type = t.type and id = t.id order by version desc limit 1) r`,
    [tenant, standing.map(({ type }) => type), standing.map(({ rowId }) => rowId)], { point: true }),
    named.length === 0 ? [] : sql.query<{ id: string }>('select id from patient where tenant = $1 and id = any($2::uuid[])', [tenant, named], { point: true }),
  ]);
  return { of: new Map(owned.map(({ type, id, patient_id }) => [`${type}/${id}`, patient_id])), patients: new Set(patients.map(({ id }) => id)) };
}

const registers = ({ type, rowId, patientId, operation }: Planned, { patients }: Pick<Owners, 'patients'>): boolean =>
  type === 'Patient' && operation.kind !== 'delete' && patientId === rowId && !patients.has(rowId);

async function demand(deps: WriteDeps, call: WriteCall, planned: readonly Planned[], owners: Owners): Promise<void> {
  const made = new Set(planned.filter((one) => registers(one, owners)).map(({ rowId }) => rowId));
  const existing = new Set<string>();
  let defines = made.size > 0;
  for (const { type, rowId, patientId } of planned) {
    const standing = owners.of.get(`${type}/${rowId}`);
    if (typeof standing === 'string') existing.add(standing);
    if (patientId === null) defines ||= typeof standing !== 'string';
    else if (owners.patients.has(patientId)) existing.add(patientId);
    else if (!made.has(patientId)) throw new PrimumError('record.reference-unknown', 'Patient');
  }
  const asked = { tenant: call.tenant, principal: call.principal, purpose: call.purpose, action: call.action ?? 'resource.write' };
  if (existing.size > 0) await requirePermission(deps, { ...asked, authority: call.authority ?? 'record.write', patientIds: [...existing] });
  if (!defines) return;
  // Whose token is bound to one patient registers nobody else, and nothing that is everybody's.
  if (call.principal.kind === 'user' && call.principal.via?.patientId !== undefined) throw new PrimumError('auth.forbidden', 'record.define');
  await requirePermission(deps, { ...asked, authority: call.authority ?? 'record.define' });
}

type Standing = { type: string; id: string; version: number; patient_id: string | null; deleted: boolean; recorded_at: Date; body: Buffer };

async function write(deps: WriteDeps, tx: Sql, call: WriteCall, planned: readonly Planned[], owners: Owners): Promise<Written[]> {
  const { keys, audit, clock } = deps;
  const { tenant } = call;
  const standing = planned.filter(({ operation }) => operation.kind !== 'create');
  const made = planned.filter((one) => registers(one, owners));
  const known = new Set([...planned.flatMap(({ patientId }) => (patientId !== null && owners.patients.has(patientId) ? [patientId] : [])), ...[...owners.of.values()].filter((id) => id !== null)]);
  // Sent together and run in this order: what is read and drawn after the locks is what holds under them.
  const [roots, rows, [drawn], site] = await Promise.all([
    // Locked in one order, as everybody who locks patients.
    known.size === 0 ? [] : tx.query<{ id: string; root_id: string; site_id: number }>('select p.id, r.id as root_id, p.site_id from patient p join patient r on r.tenant = p.tenant and r.id = p.root_id where p.tenant = $1 and p.id = any($2::uuid[]) order by r.id for update of r', [tenant, [...known]]),
    standing.length === 0 ? [] : tx.query<Standing>(`
      select r.* from unnest($2::text[], $3::uuid[]) as t(type, id) cross join lateral (
        select type, id, version, patient_id, deleted, recorded_at, body from resource where tenant = $1 and type = t.type and id = t.id order by version desc limit 1) r`,
    [tenant, standing.map(({ type }) => type), standing.map(({ rowId }) => rowId)]),
    tx.query<{ seq: number; now: Date }>("select nextval('known_seq') as seq, now()", []),
    made.length === 0 ? undefined : fhirSite(tx, tenant),
    ensureKeys(keys, tenant, [...made.map(({ rowId }) => rowId), ...known]),
  ]);
  const { seq, now } = drawn!; // a select of one row
  const before = new Map(rows.map((row) => [`${row.type}/${row.id}`, row]));
  const versions: ResourceRow[] = [];
  const results: Written[] = [];
  const facts: (ObservedFact & { patientId: string })[] = [];
  const encounters: EncounterChange[] = [];
  const patients: PatientChange[] = [];
  const locations = new Map<string, Location>();
  const follow = (rowId: string, existed: boolean, patientId: string | null, before: Resource | undefined, after: Resource | undefined): void => {
    const { resourceType: type } = (after ?? before)!; // one of them is there
    if (type === 'Encounter') encounters.push({ rowId, existed, patientId, before: before as Encounter | undefined, after: after as Encounter | undefined }); // both of the type
    else if (type === 'Patient') patients.push({ rowId, existed, before: before as Patient | undefined, after: after as Patient | undefined }); // as above
    else if (after?.resourceType === 'Location') locations.set(rowId, after);
  };
  let corrects = false;
  for (const one of planned) {
    const { operation, type, id, rowId } = one;
    const was = before.get(`${type}/${rowId}`);
    if (was !== undefined && was.patient_id !== owners.of.get(`${type}/${rowId}`)) throw new Overtaken();
    if (operation.kind !== 'create' && operation.ifMatch !== undefined && operation.ifMatch !== (was === undefined || (was.deleted && operation.ifMatch === 0) ? 0 : was.version)) throw new PrimumError('record.version-mismatch');
    const result = (outcome: Written['outcome'], version: number, at = now): void => void results.push({ type, id, version, at, outcome });
    if (operation.kind === 'delete') {
      if (was === undefined || was.deleted) {
        result('absent', was?.version ?? 0, was?.recorded_at);
        continue;
      }
      const said = await openStanding(keys, tenant, was);
      versions.push({ type, id: rowId, version: was.version + 1, patientId: was.patient_id, messageId: call.messageId ?? null, body: said, deleted: true });
      const gone = factsOf(deps, tenant, said, rowId, was.patient_id);
      facts.push(...gone.map((fact) => ({ ...fact, value: null, status: 'retracted' as const })));
      corrects ||= gone.length > 0;
      follow(rowId, true, was.patient_id, said, undefined);
      result('deleted', was.version + 1);
      continue;
    }
    if (operation.kind === 'update' && operation.mustExist === true && was === undefined) throw new PrimumError('record.not-found', type);
    const body = withoutOwnMeta(operation.resource);
    const patientId = one.patientId;
    const said = was === undefined || was.deleted ? undefined : await openStanding(keys, tenant, was);
    if (was !== undefined && said !== undefined && was.patient_id === patientId && canonicalJson(withoutOwnMeta(said)) === canonicalJson(body)) {
      if (type !== 'Encounter') follow(rowId, true, patientId, body, body);
      result('unchanged', was.version, was.recorded_at);
      continue;
    }
    const version = (was?.version ?? 0) + 1;
    versions.push({ type, id: rowId, version, patientId, messageId: call.messageId ?? null, body });
    const saying = factsOf(deps, tenant, body, rowId, patientId);
    const keysNow = new Set(saying.map(({ key }) => key));
    const unsaid = said === undefined || was === undefined ? [] : factsOf(deps, tenant, said, rowId, was.patient_id).filter(({ key, patientId: whose }) => !keysNow.has(key) || whose !== patientId);
    facts.push(...unsaid.map((fact) => ({ ...fact, value: null, status: 'retracted' as const })), ...saying);
    corrects ||= said !== undefined && saying.length + unsaid.length > 0;
    follow(rowId, was !== undefined, patientId, said, body);
    result(was === undefined || was.deleted ? 'created' : 'updated', version);
  }
  if (versions.length === 0) return results;
  const placed = new Map(roots.map((row) => [row.id, row]));
  const rootOf = (id: string): string => placed.get(id)?.root_id ?? id;
  const stays = await erasedIfKeyless(() => followStays({ tx, keys, rules: deps.stayRules ?? loadStayRules() }, {
    tenant, seq, now: now.getTime(), encounters, patients, locations, rootOf, siteOf: (id) => placed.get(id)?.site_id ?? site,
  }));
  facts.push(...stays.facts);
  corrects ||= stays.facts.some(({ status }) => status !== 'final');
  await Promise.all([
    call.within?.(tx, results),
    made.length === 0 ? undefined : registerPatients(tx, keys, tenant, { seq, site: site! }, made.map(({ operation }) => (operation as { resource: Patient }).resource), made.map(({ rowId }) => rowId)), // registers() holds of Patients alone, and a site was found for those
    known.size === 0 ? undefined : tx.query('update patient set known_seq = $2 where tenant = $1 and id = any($3::uuid[])', [tenant, seq, [...known]]),
    writeVersions({ tx, keys, search: deps.search }, tenant, seq, versions),
    writeStays(tx, tenant, seq, stays.stays),
    writeStayEvents(tx, tenant, stays.events),
    writeFacts(tx, tenant, seq, facts.map((fact, n) => ({ ...fact, n, messageId: call.messageId ?? null }))),
    audit.write(tx, auditEvents(call, versions, clock.now())),
    announce(tx, tenant, seq, facts, stays.touched, rootOf, { corrects, messageId: call.messageId, at: clock.now() }),
  ]);
  return results;
}

async function ensureKeys(keys: Keys, tenant: number, patientIds: readonly string[]): Promise<void> {
  await erasedIfKeyless(() => keys.ensure(tenant, patientIds.map((patientId) => ({ kind: 'patient', patientId }))));
}

async function openStanding(keys: Keys, tenant: number, { type, id, version, body }: Standing): Promise<Resource> {
  const plain = await erasedIfKeyless(() => keys.open(tenant, body, resourceAad(tenant, type, id, version)));
  return JSON.parse(plain.toString()) as Resource; // only resources are sealed under this aad
}

async function erasedIfKeyless<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof PrimumError && error.code === 'trust.key-missing' ? new PrimumError('record.erased') : error;
  }
}

/** Version and time are the record's to say. */
function withoutOwnMeta<T extends Resource>(resource: T): T {
  if (resource.meta === undefined) return resource;
  const { versionId: _versionId, lastUpdated: _lastUpdated, ...meta } = resource.meta;
  const { meta: _meta, ...rest } = resource;
  return (Object.keys(meta).length === 0 ? rest : { ...rest, meta }) as T; // what was taken away is optional
}

function factsOf({ keys, codes }: WriteDeps, tenant: number, resource: Resource, rowId: string, patientId: string | null): (ObservedFact & { patientId: string })[] {
  if (resource.resourceType !== 'Observation' || patientId === null) return [];
  const observation: Observation = resource;
  return factsOfObservation(codes, observation, (component) => factKeyOf(keys, tenant, rowId, component))
    .map((fact) => ({ ...fact, patientId }));
}

/** Patients of FHIR's own door stand under a site of that name, whose clock is the machine's. */
async function fhirSite(tx: Sql, tenant: number): Promise<number> {
  const [site] = await tx.query<{ id: number }>(`
    with made as (insert into site (tenant, code, name) select $1, 'fhir', 'FHIR' where not exists (select from site where tenant = $1 and code = 'fhir') on conflict (tenant, code) do nothing returning id)
    select id from made union all select id from site where tenant = $1 and code = 'fhir' limit 1`, [tenant]);
  if (site === undefined) throw new Overtaken(); // another made it in this moment
  return site.id;
}

async function registerPatients(tx: Sql, keys: Keys, tenant: number, { seq, site }: { seq: number; site: number }, patients: readonly Patient[], rowIds: readonly string[]): Promise<void> {
  const identifiers = patients.flatMap((patient, n) => identifiersOf(keys, tenant, patient.identifier ?? []).map((token) => ({ token, patientId: rowIds[n]! })));
  await Promise.all([
    tx.query('insert into patient (tenant, id, site_id, root_id, known_seq) select $1, t.id, $2, t.id, $3 from unnest($4::uuid[]) as t(id)', [tenant, site, seq, rowIds]),
    // Who has the number already keeps it: two people on record with one number are for a person to look at.
    identifiers.length === 0 ? undefined : tx.query('insert into patient_identifier (tenant, token, patient_id) select $1, * from unnest($2::bytea[], $3::uuid[]) on conflict do nothing',
      [tenant, identifiers.map(({ token }) => token), identifiers.map(({ patientId }) => patientId)]),
  ]);
}

function auditEvents(call: WriteCall, versions: readonly ResourceRow[], at: Date): Parameters<Audit['write']>[1] {
  const { tenant, principal, purpose, action = 'resource.write' } = call;
  return Array.from({ length: Math.ceil(versions.length / entitiesPerEvent) }, (_, n) => {
    const part = versions.slice(n * entitiesPerEvent, (n + 1) * entitiesPerEvent);
    return {
      tenant, principal, purpose, action, outcome: 'success' as const, at,
      patientIds: [...new Set(part.flatMap(({ patientId }) => patientId ?? []))].slice(0, 500), entities: part.map(({ type, id }) => ({ type, id })),
    };
  });
}

async function announce(
  tx: Sql, tenant: number, seq: number, facts: readonly (ObservedFact & { patientId: string })[], touched: StayEffects['touched'], rootOf: (id: string) => string,
  about: { corrects: boolean; messageId: string | undefined; at: Date },
): Promise<void> {
  if (facts.length + touched.length === 0) return;
  const times = [
    ...facts.map(({ patientId, effectiveAt }) => ({ patientId, stayId: undefined, from: effectiveAt, to: effectiveAt })),
    ...touched,
  ];
  await writeOutbox(tx, [...Map.groupBy(times, ({ patientId }) => rootOf(patientId))].map(([patientId, own]) => {
    const stayId = own.findLast((one) => one.stayId !== undefined)?.stayId;
    return {
      tenant, topic: 'patient.changed', key: patientId,
      payload: {
        patientId, ...(stayId === undefined ? {} : { stayId }), seq, fromAt: own.reduce((at, { from }) => Math.min(at, from), Infinity), toAt: own.reduce((at, { to }) => Math.max(at, to), -Infinity),
        kind: about.corrects ? 'correction' : stayId === undefined ? 'facts' : 'stay',
        ...(about.messageId === undefined ? {} : { messageId: about.messageId }), receivedAtMs: about.at.getTime(),
      },
    };
  }));
}
