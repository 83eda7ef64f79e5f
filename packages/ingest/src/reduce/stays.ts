import type { Encounter } from '@medplum/fhirtypes';
import { canonicalJson } from '@primum/base';
import { nextState, stayLifecycle, type StayEvent as StayTrigger } from '@primum/contract';
import { cancellable, reduceStay, stayFactChanges, stayFacts, type StayEvent, type StayLocation } from '@primum/record';
import { encounterAfter, encounterElements } from '../fhir/encounter-resource.ts';
import { layEncounter } from '../fhir/lay-kept.ts';
import type { Elements } from '../fhir/provenance.ts';
import { demographicsOf } from '../fhir/patient-resource.ts';
import type { MappingTable } from '../mapping/mapping-table.ts';
import type { LocationReading, VisitReading } from '../reading/message-reading.ts';
import { encounterKey, keptOf, referencesFor } from './keeping.ts';
import { addFactChanges, patientOf, Refusal, stayOf, staysOf, touch, type MessageContext } from './message-context.ts';
import type { PatientState, StayState } from './record-state.ts';

/** What a location field means by the source's mapping; a point of care that it does not list is no ICU. */
export function readLocation(mapping: MappingTable, { pointOfCare, room, bed }: LocationReading): StayLocation {
  const mapped = mapping.locations.get(pointOfCare);
  return {
    ward: mapped?.ward ?? pointOfCare,
    bed: bed || room,
    icu: mapped?.icu ?? false,
    ...(mapped?.unit === undefined ? {} : { unit: mapped.unit }),
  };
}

/** The stay that a visit number names. Without one: the patient's only stay in a state that the event fits. */
export function findStay(context: MessageContext, patient: PatientState, visitToken: string | undefined, statuses: readonly string[]): StayState | undefined {
  if (visitToken !== undefined) {
    const id = context.state.byVisit.get(visitToken) ?? [...context.effects.stays.values()].find((stay) => stay.visitToken === visitToken)?.id;
    const stay = id === undefined ? undefined : stayOf(context, id);
    if (stay !== undefined && patientOf(context, stay.patientId)?.rootId !== patient.rootId) {
      throw new Refusal({ code: 'hl7.encounter-unknown', location: 'PV1^1^19', detail: 'the visit number belongs to another patient' });
    }
    return stay;
  }
  const fitting = staysOf(context, patient.rootId).filter((stay) => statuses.includes(reduceStay(stay.events).status));
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** A stay goes on with the Encounter that was kept of the visit before anybody was admitted (A05, an order of a day clinic). */
export function createStay(context: MessageContext, patient: PatientState, visitToken: string): StayState {
  const id = context.keyOf(...encounterKey(patient.id, visitToken));
  const kept = keptOf(context, 'Encounter', id);
  return {
    id, patientId: patient.id, siteId: patient.siteId, visitToken, events: [], version: kept?.version ?? 0,
    resource: kept?.body.resourceType === 'Encounter' ? kept.body : undefined,
  };
}

/**
 * Appends an event to a stay: the lifecycle must allow it, the facts follow from what the events add up to before and
 * after, and the Encounter gets a new version.
 */
export function addStayEvent(context: MessageContext, stay: StayState, event: Omit<StayEvent, 'seq' | 'n'>, visit: VisitReading | undefined): StayState {
  return addStayEvents(context, stay, [event], visit);
}

/** Several events at once: each is allowed after the former, the facts change once. `amends`: what they add up to is allowed. */
export function addStayEvents(
  context: MessageContext, stay: StayState, events: readonly Omit<StayEvent, 'seq' | 'n'>[], visit: VisitReading | undefined, options: { amends?: true; withdrawn?: true } = {},
): StayState {
  const before = reduceStay(stay.events);
  const all = [...stay.events];
  for (const event of events) {
    const { status } = reduceStay(all);
    if (all.length > 0 && options.amends !== true && nextState(stayLifecycle, status, event.kind satisfies StayTrigger) === undefined) {
      throw new Refusal({ code: 'hl7.event-out-of-order', location: 'MSH^1^9', detail: `${event.kind} of a stay that is ${status}` });
    }
    const added: StayEvent = { ...event, seq: context.seq, n: context.nextN() };
    all.push(added);
    context.effects.stayEvents.push({ stayId: stay.id, event: added });
  }
  const after = reduceStay(all);
  const demographics = demographicsOf(patientOf(context, stay.patientId)?.resource);
  const changes = stayFactChanges(stayFacts(before, demographics), stayFacts(after, demographics));
  if (context.effects.kind === 'facts') context.effects.kind = 'stay';
  addFactChanges(context, stay.patientId, stay.id, changes);

  const said = context.message.kept?.encounter;
  const resource = encounterAfter(stay.resource, { id: stay.id, patientId: stay.patientId, summary: after }, visit);
  if (options.withdrawn === true) resource.status = 'entered-in-error';
  const updated = writeEncounter(context, { ...stay, events: all }, said === undefined ? resource : layEncounter(resource, said, { references: referencesFor(context, stay.patientId), place: placeOf(context, visit) }), {
    ...said?.elements, ...encounterElements(visit),
  });
  const times = [...events.map(({ effectiveAt }) => effectiveAt), ...changes.map(({ effectiveAt }) => effectiveAt)];
  touch(context, stay.patientId, stay.id, { from: Math.min(...times), to: Math.max(...times) });
  return updated;
}

/** What a visit says besides, of a stay to which nothing happened: an attending physician, a service. */
export function updateStay(context: MessageContext, stay: StayState, visit: VisitReading | undefined): void {
  const said = context.message.kept?.encounter;
  if (said === undefined || stay.resource === undefined) return;
  const summary = reduceStay(stay.events);
  const laid = layEncounter(encounterAfter(stay.resource, { id: stay.id, patientId: stay.patientId, summary }, visit), said, { references: referencesFor(context, stay.patientId), place: placeOf(context, visit) });
  if (stay.resource.status === 'entered-in-error') laid.status = 'entered-in-error';
  if (canonicalJson(laid) === canonicalJson(stay.resource)) return;
  writeEncounter(context, stay, laid, { ...said.elements, ...encounterElements(visit) });
  touch(context, stay.patientId, stay.id, { from: context.message.reading.eventAt, to: context.message.reading.eventAt });
}

export function writeEncounter(context: MessageContext, stay: StayState, resource: Encounter, elements: Elements): StayState {
  const { effects, trace } = context;
  const version = stay.version + (effects.stays.has(stay.id) ? 0 : 1);
  const updated: StayState = { ...stay, version, resource };
  const reference = `Encounter/${stay.id}`;
  effects.stays.set(stay.id, updated);
  effects.resources = effects.resources.filter(({ type, id }) => type !== 'Encounter' || id !== stay.id);
  effects.resources.push({ type: 'Encounter', id: stay.id, version, patientId: stay.patientId, body: resource });
  trace.targets = trace.targets.filter((target) => target.reference !== reference);
  trace.targets.push({ reference, elements });
  return updated;
}

function placeOf(context: MessageContext, visit: VisitReading | undefined): string | undefined {
  if (visit?.location === undefined) return undefined;
  const { ward, bed } = readLocation(context.message.mapping, visit.location);
  return `${ward} ${bed}`.trim();
}

/** Takes back the last admission, transfer or discharge that still stands. */
export function cancelStayEvent(context: MessageContext, stay: StayState, kind: 'admit' | 'transfer' | 'discharge', visit: VisitReading | undefined): void {
  const target = cancellable(stay.events, kind);
  if (target === undefined) throw new Refusal({ code: 'hl7.event-out-of-order', location: 'MSH^1^9', detail: `there is no ${kind} to cancel` });
  addStayEvent(context, stay, {
    kind: `cancel-${kind}`, effectiveAt: target.effectiveAt, cancels: { seq: target.seq, n: target.n },
  }, visit);
}
