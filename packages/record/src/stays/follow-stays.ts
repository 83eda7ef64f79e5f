import type { Encounter, Location, Patient } from '@medplum/fhirtypes';
import { canonicalJson, epochOf } from '@primum/base';
import type { Sql } from '@primum/store';
import type { Keys } from '@primum/trust';
import { visitTokensOf } from '../repository/identifier-tokens.ts';
import { rowIdOf, uuidOf } from '../repository/row-id.ts';
import { resourceAad } from '../resources/resource-rows.ts';
import { targetOf } from '../search/reference-target.ts';
import type { ObservedFact } from '../timeline/facts-of-observation.ts';
import { deepestPlace, readPlace } from './read-place.ts';
import { activeEvents, reduceStay } from './reduce-stay.ts';
import { stayFactChanges, stayFacts, type Demographics, type StayFact, type StayFactChange } from './stay-facts.ts';
import { eventsOfEncounter, isStay, stayChanges } from './stay-of-encounter.ts';
import type { StayEvent } from './stay-event.ts';
import { readStayEvents, type NewStayEvent, type StayRow } from './stay-rows.ts';
import type { StayRules } from './stay-rules.ts';

/** `after`: undefined where it was deleted. `existed`: there were versions before. */
export type EncounterChange = { rowId: string; existed: boolean; patientId: string | null; before: Encounter | undefined; after: Encounter | undefined };
export type PatientChange = { rowId: string; existed: boolean; before: Patient | undefined; after: Patient | undefined };

type FollowCall = {
  tenant: number;
  seq: number;
  /** Milliseconds; when a finished Encounter that does not say when it ended has ended. */
  now: number;
  encounters: readonly EncounterChange[];
  /** Every Patient of the transaction, also those that did not change. */
  patients: readonly PatientChange[];
  /** Of the transaction, by row id. */
  locations: ReadonlyMap<string, Location>;
  siteOf(patientId: string): number | undefined;
  rootOf(patientId: string): string;
};

type FollowDeps = { tx: Sql; keys: Pick<Keys, 'token' | 'open'>; rules: StayRules };

export type StayEffects = {
  stays: StayRow[];
  events: NewStayEvent[];
  facts: (ObservedFact & { patientId: string })[];
  /** Whose stays changed, and of which time (ms). */
  touched: { patientId: string; stayId: string; from: number; to: number }[];
};

/** What a stay's facts are named by, at both doors: a correction at one corrects what the other said. */
const stayFactKey = (keys: Pick<Keys, 'token'>, tenant: number, about: string, name: string): string =>
  uuidOf(keys.token(tenant, 'commitment', JSON.stringify(['key', 'stay-fact', about, name])));

type KnownStay = { id: string; patient_id: string; site_id: number; visit_token: Buffer; root_id: string; fed: boolean };
type Held = { row: StayRow; rootId: string; fed: boolean };

/**
 * What Encounters and Patients that came by FHIR mean for the stays, under the locks of their patients. The stay has the
 * Encounter's row id. Each version of an Encounter says all that happened: events that it does not say any more are
 * cancelled, new ones appended. A visit that messages of HL7 v2 have written about is the feed's: its Encounter can be
 * written, the stay follows the messages alone. An Encounter whose visit number has a stay already opens no second one.
 */
export async function followStays(deps: FollowDeps, call: FollowCall): Promise<StayEffects> {
  const effects: StayEffects = { stays: [], events: [], facts: [], touched: [] };
  const encounters = call.encounters.filter(({ before, after }) => (before !== undefined && isStay(before)) || (after !== undefined && isStay(after)));
  const patients = new Map(call.patients.map((change) => [change.rowId, change]));
  const changed = call.patients.filter(({ before, after }) => canonicalJson([demographicsOf(before), diedAt(before) ?? null]) !== canonicalJson([demographicsOf(after), diedAt(after) ?? null]));
  for (const { rowId, before, after } of changed) {
    addFacts(deps, call, effects, rowId, rowId, stayFactChanges(deathFact(diedAt(before)), deathFact(diedAt(after))));
  }
  const corrected = new Set(changed.flatMap(({ rowId, existed }) => (existed ? [rowId] : [])));
  if (encounters.length + corrected.size === 0) return effects;

  const tokens = new Map(encounters.map(({ rowId, after }) => [rowId, visitTokensOf(deps.keys, call.tenant, after?.identifier ?? [])]));
  const [held, fed, places] = await Promise.all([
    readHeld(deps, call.tenant, { ids: encounters.flatMap(({ rowId, existed }) => (existed ? [rowId] : [])), tokens: [...tokens.values()].flat(), patientIds: [...corrected] }),
    readFed(deps, call.tenant, encounters.flatMap(({ rowId, existed }) => (existed ? [rowId] : []))),
    readLocations(deps, call, encounters.flatMap(({ after }) => after ?? [])),
  ]);
  const byToken = new Map([...held.values()].map((stay) => [stay.row.visitToken, stay]));
  const next = new Map<string, { was: StayRow | undefined; now: StayRow }>();
  let n = 0;
  // What ends first: its visit number may be another's in the same transaction.
  for (const { rowId, patientId, after } of encounters.toSorted((a, b) => Number(stands(a)) - Number(stands(b)))) {
    if (fed.has(rowId) || held.get(rowId)?.fed === true) continue;
    const own = next.get(rowId)?.now ?? held.get(rowId)?.row;
    const active = activeEvents(own?.events ?? []);
    const endedAt = active.findLast(({ kind }) => kind === 'discharge')?.effectiveAt ?? call.now;
    const said = after === undefined || patientId === null ? [] : eventsOfEncounter(deps.rules, after, {
      endedAt, place: (entry) => readPlace(deps.rules, entry, (id) => places.get(rowIdOf(deps.keys, call.tenant, 'Location', id))),
    });
    if (own === undefined && said.length === 0) continue;
    const numbers = tokens.get(rowId) ?? [];
    const now = own === undefined ? openStay(deps, call, { rowId, patientId: patientId!, tokens: numbers, byToken, next }) // said nothing where it is nobody's
      : { ...own, ...(patientId === null ? {} : ownerOf(call, patientId, own)), ...(numbers.includes(own.visitToken) ? {} : { visitToken: numbers.find((token) => !byToken.has(token)) ?? own.visitToken }) };
    if (now === null) continue;
    const events = stayChanges(active, said).map((event): StayEvent => ({ ...event, seq: call.seq, n: n++ }));
    if (events.length === 0 && now.patientId === own?.patientId && now.visitToken === own.visitToken) continue;
    effects.events.push(...events.map((event) => ({ stayId: rowId, messageId: null, event })));
    next.set(rowId, { was: held.get(rowId)?.row, now: { ...now, events: [...now.events, ...events] } });
    byToken.set(now.visitToken, { row: now, rootId: call.rootOf(now.patientId), fed: false });
  }
  for (const { row } of held.values()) if (corrected.has(row.patientId) && !next.has(row.id)) next.set(row.id, { was: row, now: row });

  const demographics = await readDemographics(deps, call, patients, [...next.values()].flatMap(({ was, now }) => [now.patientId, ...(was === undefined ? [] : [was.patientId])]));
  for (const { was, now } of next.values()) {
    if (was !== now) effects.stays.push(now);
    addChanges(deps, call, effects, was, now, demographics);
  }
  return effects;
}

const stands = ({ after }: EncounterChange): boolean => after !== undefined && isStay(after);

type Opening = { rowId: string; patientId: string; tokens: readonly string[]; byToken: Map<string, Held>; next: Map<string, { was: StayRow | undefined; now: StayRow }> };

/** A new stay under its visit number; null where the visit has one already. */
function openStay(deps: FollowDeps, call: FollowCall, { rowId, patientId, tokens, byToken, next }: Opening): StayRow | null {
  const ownToken = (id: string): string => deps.keys.token(call.tenant, 'visit', JSON.stringify(['Encounter', id])).toString('hex');
  const taken = tokens.flatMap((token) => byToken.get(token) ?? [])[0];
  let [visitToken = ownToken(rowId)] = tokens;
  if (taken !== undefined) {
    const row = next.get(taken.row.id)?.now ?? taken.row;
    const over = !taken.fed && reduceStay(row.events).status === 'cancelled';
    if (!over && taken.rootId === call.rootOf(patientId)) return null;
    // A visit that was taken back lends its number to the one that stands in its place; another patient's keeps it.
    if (over) next.set(row.id, { was: next.get(row.id)?.was ?? row, now: { ...row, visitToken: ownToken(row.id) } });
    else visitToken = ownToken(rowId);
  }
  return { id: rowId, visitToken, events: [], ...ownerOf(call, patientId) };
}

function ownerOf(call: FollowCall, patientId: string, before?: StayRow): Pick<StayRow, 'patientId' | 'siteId'> {
  return { patientId, siteId: before?.patientId === patientId ? before.siteId : call.siteOf(patientId) ?? before?.siteId ?? 0 };
}

type DemographicsOf = (patientId: string, when: 'before' | 'after') => Demographics;

/** The facts that follow, and what was touched; of a stay that has another patient now, all are withdrawn here and said there. */
function addChanges(deps: FollowDeps, call: FollowCall, effects: StayEffects, was: StayRow | undefined, now: StayRow, demographics: DemographicsOf): void {
  const before = was === undefined ? [] : stayFacts(reduceStay(was.events), demographics(was.patientId, 'before'));
  const after = stayFacts(reduceStay(now.events), demographics(now.patientId, 'after'));
  const moved = was !== undefined && was.patientId !== now.patientId;
  const changes = [
    ...(moved ? [{ patientId: was.patientId, changes: stayFactChanges(before, []) }] : []),
    { patientId: now.patientId, changes: stayFactChanges(moved ? [] : before, after) },
  ];
  for (const one of changes) {
    addFacts(deps, call, effects, one.patientId, now.id, one.changes);
    const times = [...now.events.filter(({ seq }) => seq === call.seq), ...one.changes].map(({ effectiveAt }) => effectiveAt);
    if (times.length > 0) effects.touched.push({ patientId: one.patientId, stayId: now.id, from: times.reduce((a, b) => Math.min(a, b)), to: times.reduce((a, b) => Math.max(a, b)) });
  }
}

function addFacts({ keys }: FollowDeps, { tenant }: FollowCall, effects: StayEffects, patientId: string, about: string, changes: readonly StayFactChange[]): void {
  effects.facts.push(...changes.map(({ name, ...fact }) => ({ ...fact, patientId, key: stayFactKey(keys, tenant, about, name) })));
}

const demographicsOf = (patient: Patient | undefined): Demographics => ({ birthDate: patient?.birthDate, sex: patient?.gender });
const diedAt = (patient: Patient | undefined): number | undefined => (patient?.deceasedDateTime === undefined ? undefined : epochOf(patient.deceasedDateTime));
const deathFact = (at: number | undefined): StayFact[] => (at === undefined ? [] : [{ name: 'death', code: 'primum:death', value: 1, effectiveAt: at }]);

async function readHeld({ tx }: FollowDeps, tenant: number, { ids, tokens, patientIds }: { ids: readonly string[]; tokens: readonly string[]; patientIds: readonly string[] }): Promise<Map<string, Held>> {
  if (ids.length + tokens.length + patientIds.length === 0) return new Map();
  const rows = await tx.query<KnownStay>(`
    select s.id, s.patient_id, s.site_id, s.visit_token, p.root_id,
      exists (select from resource r where r.tenant = $1 and r.type = 'Encounter' and r.id = s.id and r.message_id is not null) as fed
    from (select id from stay where tenant = $1 and id = any($2::uuid[]) union select id from stay where tenant = $1 and visit_token = any($3::bytea[])
      union select id from stay where tenant = $1 and patient_id = any($4::uuid[])) k
    join stay s on s.tenant = $1 and s.id = k.id join patient p on p.tenant = $1 and p.id = s.patient_id order by s.id`,
  [tenant, ids, tokens.map((token) => Buffer.from(token, 'hex')), patientIds]);
  if (rows.length === 0) return new Map();
  const events = await readStayEvents(tx, tenant, rows.map(({ id }) => id));
  return new Map(rows.map((row) => [row.id, {
    row: { id: row.id, patientId: row.patient_id, siteId: row.site_id, visitToken: row.visit_token.toString('hex'), events: events.get(row.id) ?? [] },
    rootId: row.root_id, fed: row.fed,
  }]));
}

/** Of these Encounters those that a message has written: the visit is the feed's, also where it is only planned yet. */
async function readFed({ tx }: FollowDeps, tenant: number, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await tx.query<{ id: string }>(
    "select t.id from unnest($2::uuid[]) as t(id) where exists (select from resource where tenant = $1 and type = 'Encounter' and id = t.id and message_id is not null)", [tenant, ids]);
  return new Set(rows.map(({ id }) => id));
}

/** The Locations that Encounters name, and what those are part of, by row id. */
async function readLocations({ tx, keys }: FollowDeps, { tenant, locations }: FollowCall, encounters: readonly Encounter[]): Promise<ReadonlyMap<string, Location>> {
  const found = new Map<string, Location>();
  const asked = new Set<string>();
  let wanted: unknown[] = encounters.flatMap(({ location = [] }) => location.map((entry) => entry.location.reference));
  for (let depth = 0; depth < deepestPlace && wanted.length > 0; depth += 1) {
    const ids = new Set(wanted.flatMap((reference) => {
      const target = targetOf(reference);
      return target?.type === 'Location' ? [rowIdOf(keys, tenant, 'Location', target.id)] : [];
    }).filter((id) => !asked.has(id)));
    for (const id of ids) asked.add(id);
    const stored = [...ids].filter((id) => !locations.has(id));
    const rows = stored.length === 0 ? [] : await tx.query<{ id: string; version: number; body: Buffer }>(`
      select r.id, r.version, r.body from unnest($2::uuid[]) as t(id) cross join lateral (
        select id, version, deleted, body from resource where tenant = $1 and type = 'Location' and id = t.id order by version desc limit 1) r where not r.deleted`,
    [tenant, stored]);
    const level = new Map([...ids].flatMap((id): [string, Location][] => (locations.has(id) ? [[id, locations.get(id)!]] : []))); // asked just before
    for (const { id, version, body } of rows) level.set(id, JSON.parse((await keys.open(tenant, body, resourceAad(tenant, 'Location', id, version))).toString()) as Location); // sealed by us as a Location
    for (const [id, place] of level) found.set(id, place);
    wanted = [...level.values()].map(({ partOf }) => partOf?.reference);
  }
  return found;
}

/** Birth date and sex of patients, before and after the transaction. */
async function readDemographics({ tx, keys }: FollowDeps, { tenant }: FollowCall, inHand: ReadonlyMap<string, PatientChange>, ids: readonly string[]): Promise<DemographicsOf> {
  const others = [...new Set(ids)].filter((id) => !inHand.has(id));
  const stored = new Map<string, Demographics>();
  const rows = others.length === 0 ? [] : await tx.query<{ id: string; version: number; body: Buffer }>(`
    select r.id, r.version, r.body from unnest($2::uuid[]) as t(id) cross join lateral (
      select id, version, deleted, body from resource where tenant = $1 and type = 'Patient' and id = t.id order by version desc limit 1) r where not r.deleted`,
  [tenant, others]);
  for (const { id, version, body } of rows) stored.set(id, demographicsOf(JSON.parse((await keys.open(tenant, body, resourceAad(tenant, 'Patient', id, version))).toString()) as Patient)); // sealed by us as a Patient
  return (patientId, when) => (inHand.has(patientId) ? demographicsOf(inHand.get(patientId)?.[when]) : stored.get(patientId) ?? {});
}
