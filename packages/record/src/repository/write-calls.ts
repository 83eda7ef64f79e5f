import type { Encounter, Location, Observation, Patient, Resource } from '@medplum/fhirtypes';
import { canonicalJson, PrimumError } from '@primum/base';
import type { OutboxEvent, Sql } from '@primum/store';
import type { Audit, Keys } from '@primum/trust';
import { resourceAad, type ResourceRow } from '../resources/resource-rows.ts';
import { followStays, type EncounterChange, type PatientChange, type StayEffects } from '../stays/follow-stays.ts';
import { writeStayEvents, writeStays } from '../stays/stay-rows.ts';
import { loadStayRules } from '../stays/stay-rules.ts';
import { factsOfObservation, type ObservedFact } from '../timeline/facts-of-observation.ts';
import { writeFacts } from '../timeline/write-facts.ts';
import { identifiersOf } from './identifier-tokens.ts';
import { factKeyOf } from './row-id.ts';
import type { WriteCall, WriteDeps, WriteOperation, Written } from './write-resources.ts';
import { writeVersions } from './write-versions.ts';

/** An operation and where it goes. `patientId`: row id of the patient whose record it will be in. */
export type Planned = { operation: WriteOperation; type: string; id: string; rowId: string; patientId: string | null };

/** As looked up before the locks. */
export type Owners = { /** By type/row id; absent where nothing stands there yet. */ of: ReadonlyMap<string, string | null>; /** Of the patients that are named, those on record. */ patients: ReadonlySet<string> };

/** One caller's write, whose caller was found to be allowed it. */
export type PlannedCall = { call: WriteCall; planned: readonly Planned[]; owners: Owners };

/** What was looked up before the locks is not so any more. */
export class Overtaken extends Error {}

export const placeOf = ({ type, rowId }: Planned): string => `${type}/${rowId}`;

/** The patients on record that a call writes about, those included out of whose record it takes something. */
export function patientsOf({ planned, owners }: PlannedCall): Set<string> {
  return new Set([...planned.flatMap(({ patientId }) => (patientId !== null && owners.patients.has(patientId) ? [patientId] : [])), ...[...owners.of.values()].filter((id) => id !== null)]);
}

/** Whether an operation puts a patient on record. */
export const registers = ({ type, rowId, patientId, operation }: Planned, { patients }: Pick<Owners, 'patients'>): boolean =>
  type === 'Patient' && operation.kind !== 'delete' && patientId === rowId && !patients.has(rowId);

type Standing = { type: string; id: string; version: number; patient_id: string | null; deleted: boolean; recorded_at: Date; body: Buffer };

/** What one call does. `corrected`: patients of whom something was said before that is withdrawn or said otherwise now. */
type Changes = {
  written: Written[]; versions: ResourceRow[]; facts: (ObservedFact & { patientId: string })[]; corrected: Set<string>;
  encounters: EncounterChange[]; patients: PatientChange[]; locations: Map<string, Location>;
};

/**
 * Writes what several calls of one tenant ask, no two of them of one resource, in the caller's transaction. For each call: what was written, or the
 * error for which nothing of it is. With `passBy` a call whose patients others hold is not waited for, it fails as Overtaken. A call that comes of a
 * message, or brings more to write (`within`), must be the only one. What throws is nobody's own: none is written.
 */
export async function writeCalls(deps: WriteDeps, tx: Sql, calls: readonly PlannedCall[], { passBy = false }: { passBy?: boolean } = {}): Promise<(Written[] | Error)[]> {
  const { keys, clock } = deps;
  const [{ call: { tenant, messageId } }] = calls as [PlannedCall]; // one at least
  const planned = calls.flatMap((one) => one.planned);
  const standing = planned.filter(({ operation }) => operation.kind !== 'create');
  const made = calls.flatMap((one) => one.planned.filter((each) => registers(each, one.owners)));
  const known = new Set(calls.flatMap((one) => [...patientsOf(one)]));
  // Sent together and run in this order: what is read and drawn after the locks is what holds under them.
  const [roots, rows, [drawn], site] = await Promise.all([
    // Locked in one order, as everybody who locks patients.
    known.size === 0 ? [] : tx.query<{ id: string; root_id: string; site_id: number }>(`select p.id, r.id as root_id, p.site_id from patient p join patient r on r.tenant = p.tenant and r.id = p.root_id
      where p.tenant = $1 and p.id = any($2::uuid[]) order by r.id for update of r${passBy ? ' skip locked' : ''}`, [tenant, [...known]]),
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
  const placed = new Map(roots.map((row) => [row.id, row]));
  const outcomes: (Changes | Error)[] = [];
  for (const one of calls) {
    if (passBy && [...patientsOf(one)].some((id) => !placed.has(id))) outcomes.push(new Overtaken());
    else outcomes.push(await changesOf(deps, one, before, now).catch((error: Error) => error)); // nothing else is thrown here
  }
  const changes = outcomes.filter((one): one is Changes => !(one instanceof Error));
  const versions = changes.flatMap((one) => one.versions);
  const written = outcomes.map((one) => (one instanceof Error ? one : one.written));
  if (versions.length === 0) return written;
  const rootOf = (id: string): string => placed.get(id)?.root_id ?? id;
  const stays = await erasedIfKeyless(() => followStays({ tx, keys, rules: deps.stayRules ?? loadStayRules() }, {
    tenant, seq, now: now.getTime(), encounters: changes.flatMap((one) => one.encounters), patients: changes.flatMap((one) => one.patients),
    locations: new Map(changes.flatMap((one) => [...one.locations])), rootOf, siteOf: (id) => placed.get(id)?.site_id ?? site,
  }));
  const facts = [...changes.flatMap((one) => one.facts), ...stays.facts];
  const corrected = new Set([...changes.flatMap((one) => [...one.corrected]), ...stays.facts.flatMap(({ status, patientId }) => (status === 'final' ? [] : [patientId]))]);
  const at = clock.now();
  const done = calls.flatMap((one, n) => {
    const outcome = outcomes[n]!; // one for each
    return outcome instanceof Error || outcome.versions.length === 0 ? [] : [{ ...one, ...outcome }];
  });
  const enrolled = done.flatMap(({ planned: own, owners }) => own.filter((one) => registers(one, owners)));
  const touched = new Set(done.flatMap((one) => [...patientsOf(one)]));
  await Promise.all([
    ...done.map((one) => one.call.within?.(tx, one.written)),
    enrolled.length === 0 ? undefined : registerPatients(tx, keys, tenant, { seq, site: site! }, enrolled.map(({ operation }) => (operation as { resource: Patient }).resource), enrolled.map(({ rowId }) => rowId)), // registers() holds of Patients alone, and a site was found for those
    touched.size === 0 ? undefined : tx.query('update patient set known_seq = $2 where tenant = $1 and id = any($3::uuid[])', [tenant, seq, [...touched]]),
    writeVersions({ tx, keys, search: deps.search }, tenant, seq, versions, { announced: announcements(tenant, seq, facts, stays.touched, rootOf, { corrected, messageId, at }) }),
    writeStays(tx, tenant, seq, stays.stays),
    writeStayEvents(tx, tenant, stays.events),
    writeFacts(tx, tenant, seq, facts.map((fact, n) => ({ ...fact, n, messageId: messageId ?? null }))),
    deps.audit.write(tx, done.flatMap((one) => auditEvents(one.call, one.versions, at))),
  ]);
  return written;
}

/** What a call does to what stands. Throws what refuses it. */
async function changesOf(deps: WriteDeps, { call, planned, owners }: PlannedCall, before: ReadonlyMap<string, Standing>, now: Date): Promise<Changes> {
  const { keys } = deps;
  const { tenant } = call;
  const changes: Changes = { written: [], versions: [], facts: [], corrected: new Set(), encounters: [], patients: [], locations: new Map() };
  const follow = (rowId: string, existed: boolean, patientId: string | null, said: Resource | undefined, after: Resource | undefined): void => {
    const { resourceType: type } = (after ?? said)!; // one of them is there
    if (type === 'Encounter') changes.encounters.push({ rowId, existed, patientId, before: said as Encounter | undefined, after: after as Encounter | undefined }); // both of the type
    else if (type === 'Patient') changes.patients.push({ rowId, existed, before: said as Patient | undefined, after: after as Patient | undefined }); // as above
    else if (after?.resourceType === 'Location') changes.locations.set(rowId, after);
  };
  const state = (facts: Changes['facts'], corrects: boolean): void => {
    changes.facts.push(...facts);
    if (corrects) for (const { patientId } of facts) changes.corrected.add(patientId);
  };
  const withdrawn = (facts: Changes['facts']): Changes['facts'] => facts.map((fact) => ({ ...fact, value: null, status: 'retracted' }));
  for (const one of planned) {
    const { operation, type, id, rowId, patientId } = one;
    const was = before.get(placeOf(one));
    if (was !== undefined && was.patient_id !== owners.of.get(placeOf(one))) throw new Overtaken();
    if (operation.kind !== 'create' && operation.ifMatch !== undefined && operation.ifMatch !== (was === undefined || (was.deleted && operation.ifMatch === 0) ? 0 : was.version)) throw new PrimumError('record.version-mismatch');
    const result = (outcome: Written['outcome'], version: number, at = now): void => void changes.written.push({ type, id, version, at, outcome });
    if (operation.kind === 'delete') {
      if (was === undefined || was.deleted) {
        result('absent', was?.version ?? 0, was?.recorded_at);
        continue;
      }
      const said = await openStanding(keys, tenant, was);
      changes.versions.push({ type, id: rowId, version: was.version + 1, patientId: was.patient_id, messageId: call.messageId ?? null, body: said, deleted: true });
      state(withdrawn(factsOf(deps, tenant, said, rowId, was.patient_id)), true);
      follow(rowId, true, was.patient_id, said, undefined);
      result('deleted', was.version + 1);
      continue;
    }
    if (operation.kind === 'update' && operation.mustExist === true && was === undefined) throw new PrimumError('record.not-found', type);
    const body = withoutOwnMeta(operation.resource);
    const said = was === undefined || was.deleted ? undefined : await openStanding(keys, tenant, was);
    if (was !== undefined && said !== undefined && was.patient_id === patientId && canonicalJson(withoutOwnMeta(said)) === canonicalJson(body)) {
      if (type !== 'Encounter') follow(rowId, true, patientId, body, body);
      result('unchanged', was.version, was.recorded_at);
      continue;
    }
    const version = (was?.version ?? 0) + 1;
    changes.versions.push({ type, id: rowId, version, patientId, messageId: call.messageId ?? null, body });
    const saying = factsOf(deps, tenant, body, rowId, patientId);
    const keysNow = new Set(saying.map(({ key }) => key));
    const unsaid = said === undefined || was === undefined ? [] : factsOf(deps, tenant, said, rowId, was.patient_id).filter(({ key, patientId: whose }) => !keysNow.has(key) || whose !== patientId);
    state([...withdrawn(unsaid), ...saying], said !== undefined);
    follow(rowId, was !== undefined, patientId, said, body);
    result(was === undefined || was.deleted ? 'created' : 'updated', version);
  }
  return changes;
}

/** The keys of all whom a call writes about, made where they are new. Throws record.erased. */
export async function ensureKeysOf(keys: Keys, one: PlannedCall): Promise<void> {
  const { planned, owners, call: { tenant } } = one;
  await ensureKeys(keys, tenant, [...planned.filter((each) => registers(each, owners)).map(({ rowId }) => rowId), ...patientsOf(one)]);
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

const entitiesPerEvent = 1_500;

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

/** Of whom the timeline or a stay changed. */
function announcements(
  tenant: number, seq: number, facts: readonly (ObservedFact & { patientId: string })[], touched: StayEffects['touched'], rootOf: (id: string) => string,
  about: { corrected: ReadonlySet<string>; messageId: string | undefined; at: Date },
): OutboxEvent[] {
  const times = [
    ...facts.map(({ patientId, effectiveAt }) => ({ patientId, stayId: undefined, from: effectiveAt, to: effectiveAt })),
    ...touched,
  ];
  return [...Map.groupBy(times, ({ patientId }) => rootOf(patientId))].map(([patientId, own]) => {
    const stayId = own.findLast((one) => one.stayId !== undefined)?.stayId;
    return {
      tenant, topic: 'patient.changed', key: patientId,
      payload: {
        patientId, ...(stayId === undefined ? {} : { stayId }), seq, fromAt: own.reduce((at, { from }) => Math.min(at, from), Infinity), toAt: own.reduce((at, { to }) => Math.max(at, to), -Infinity),
        kind: own.some((one) => about.corrected.has(one.patientId)) ? 'correction' : stayId === undefined ? 'facts' : 'stay',
        ...(about.messageId === undefined ? {} : { messageId: about.messageId }), receivedAtMs: about.at.getTime(),
      },
    };
  });
}
