import { nextState, stayLifecycle, type StayEvent as StayTrigger } from '@primum/contract';
import { cancellable, reduceStay, stayFactChanges, stayFacts, type StayEvent, type StayLocation } from '@primum/record';
import { encounterAfter, encounterElements } from '../fhir/encounter-resource.ts';
import { demographicsOf } from '../fhir/patient-resource.ts';
import type { MappingTable } from '../mapping/mapping-table.ts';
import type { LocationReading, VisitReading } from '../reading/message-reading.ts';
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

/** The stay of a patient that goes on now, the newest where several do; for what comes without a visit. */
export function openStayOf(context: MessageContext, rootId: string): StayState | undefined {
  let open: { stay: StayState; admittedAt: number } | undefined;
  for (const stay of staysOf(context, rootId)) {
    const { status, admittedAt } = reduceStay(stay.events);
    if (status === 'in-progress' && (open === undefined || (admittedAt ?? 0) > open.admittedAt)) open = { stay, admittedAt: admittedAt ?? 0 };
  }
  return open?.stay;
}

export function createStay(context: MessageContext, patient: PatientState, visitToken: string): StayState {
  return { id: context.newId(), patientId: patient.id, siteId: patient.siteId, visitToken, events: [], version: 0, resource: undefined };
}

/**
 * Appends an event to a stay: the lifecycle must allow it, the facts follow from what the events add up to before and
 * after, and the Encounter gets a new version.
 */
export function addStayEvent(context: MessageContext, stay: StayState, event: Omit<StayEvent, 'seq' | 'n'>, visit: VisitReading | undefined): StayState {
  const before = reduceStay(stay.events);
  if (stay.events.length > 0 && nextState(stayLifecycle, before.status, event.kind satisfies StayTrigger) === undefined) {
    throw new Refusal({ code: 'hl7.event-out-of-order', location: 'MSH^1^9', detail: `${event.kind} of a stay that is ${before.status}` });
  }
  const added: StayEvent = { ...event, seq: context.seq, n: context.nextN() };
  const events = [...stay.events, added];
  const after = reduceStay(events);
  const demographics = demographicsOf(patientOf(context, stay.patientId)?.resource);
  const changes = stayFactChanges(stayFacts(before, demographics), stayFacts(after, demographics));
  if (context.effects.kind === 'facts') context.effects.kind = 'stay';
  addFactChanges(context, stay.patientId, stay.id, changes);

  const resource = encounterAfter(stay.resource, { id: stay.id, patientId: stay.patientId, summary: after }, visit);
  const version = stay.version + (context.effects.stays.has(stay.id) ? 0 : 1);
  const updated: StayState = { ...stay, events, version, resource };
  context.effects.stays.set(stay.id, updated);
  context.effects.stayEvents.push({ stayId: stay.id, event: added });
  context.effects.resources = context.effects.resources.filter(({ type, id }) => type !== 'Encounter' || id !== stay.id);
  context.effects.resources.push({ type: 'Encounter', id: stay.id, version, patientId: stay.patientId, body: resource });
  context.trace.targets.push({ reference: `Encounter/${stay.id}`, elements: encounterElements(visit) });
  const times = [event.effectiveAt, ...changes.map(({ effectiveAt }) => effectiveAt)];
  touch(context, stay.patientId, stay.id, { from: Math.min(...times), to: Math.max(...times) });
  return updated;
}

/** Takes back the last admission, transfer or discharge that still stands. */
export function cancelStayEvent(context: MessageContext, stay: StayState, kind: 'admit' | 'transfer' | 'discharge', visit: VisitReading | undefined): void {
  const target = cancellable(stay.events, kind);
  if (target === undefined) throw new Refusal({ code: 'hl7.event-out-of-order', location: 'MSH^1^9', detail: `there is no ${kind} to cancel` });
  addStayEvent(context, stay, {
    kind: `cancel-${kind}`, effectiveAt: target.effectiveAt, cancels: { seq: target.seq, n: target.n },
  }, visit);
}
