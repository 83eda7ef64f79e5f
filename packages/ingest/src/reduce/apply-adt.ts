import { cancellable, reduceStay, type StayEvent } from '@primum/record';
import type { SubjectReading, VisitReading } from '../reading/message-reading.ts';
import { withdrawVisit } from './apply-kept.ts';
import { Refusal, type MessageContext } from './message-context.ts';
import type { PatientState, StayState } from './record-state.ts';
import { addStayEvent, addStayEvents, cancelStayEvent, createStay, findStay, readLocation, updateStay } from './stays.ts';
import { obtainPatient, requirePatient, updatePatient } from './subjects.ts';

/**
 * Admission, transfer, discharge, update and their cancellations (HL7 2.5.1, section 3.3), by what the table of message
 * types says that they do:
 *
 *   admit     A01 A04 A06 A07  make the patient and the stay; for a visit that goes on already they are an update, and a
 *             transfer where the location differs; for a cancelled visit a new admission
 *   transfer  A02             discharge  A03 (with death, where the disposition says so)
 *   update    A08 A09 A10: the patient, and what the visit says besides; they move nobody. A08's PV1-44 moves the admission
 *   plan      A05 A14: the patient, and an Encounter that is planned
 *   person    A28 A31: the patient alone
 *   cancel    A11 A12 A13: the last admission, transfer, discharge that still stands; A23 the whole visit
 *   swap      A17: two patients change beds: a transfer of each
 */
export function applyAdt(context: MessageContext): void {
  const { reading, subjects } = context.message;
  for (const [index, subject] of reading.subjects.entries()) {
    const { tokens, visitToken } = subjects[index] ?? { tokens: [], visitToken: undefined };
    const known = reading.type.makesPatient ? obtainPatient(context, subject.patient, tokens) : requirePatient(context, tokens);
    const patient = updatePatient(context, known, subject.patient, tokens);
    applyEvent(context, patient, subject, visitToken);
  }
}

function applyEvent(context: MessageContext, patient: PatientState, subject: SubjectReading, visitToken: string | undefined): void {
  const { visit } = subject;
  const { eventAt, type } = context.message.reading;
  switch (type.does) {
    case 'admit': return admit(context, patient, subject, visitToken);
    case 'transfer': case 'swap': {
      const location = locationOf(context, subject);
      if (location === undefined) throw new Refusal({ code: 'hl7.field-missing', location: `PV1^${visit?.sequence ?? 1}^3` });
      addStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), { kind: 'transfer', effectiveAt: eventAt, location }, visit);
      return;
    }
    case 'discharge': {
      const died = visit !== undefined && context.message.mapping.deathDispositions.has(visit.disposition);
      addStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), {
        kind: 'discharge', effectiveAt: visit?.dischargedAt ?? eventAt, ...(died ? { died } : {}),
      }, visit);
      return;
    }
    case 'cancel-admit': return cancelStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), 'admit', visit);
    case 'cancel-transfer': return cancelStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), 'transfer', visit);
    case 'cancel-discharge': return cancelStayEvent(context, requireStay(context, patient, visitToken, ['finished']), 'discharge', visit);
    case 'delete-visit': return deleteVisit(context, patient, subject, visitToken);
    case 'update': return update(context, patient, subject, visitToken);
    default: return;
  }
}

/** A08, A09, A10: what the visit says besides; another time of admission moves the admission. */
function update(context: MessageContext, patient: PatientState, { visit }: SubjectReading, visitToken: string | undefined): void {
  if (visit === undefined) return;
  const stay = findStay(context, patient, visitToken, ['in-progress']);
  if (stay === undefined) return;
  const moved = context.message.reading.type.event === 'A08' ? movedAdmission(context, stay, visit) : undefined;
  if (moved === undefined) updateStay(context, stay, visit);
  else addStayEvents(context, stay, moved, visit, { amends: true });
}

function movedAdmission(context: MessageContext, stay: StayState, { admittedAt, admittedToTheHour, sequence }: VisitReading): Omit<StayEvent, 'seq' | 'n'>[] | undefined {
  const admit = cancellable(stay.events, 'admit');
  if (admittedAt === undefined || !admittedToTheHour || admit === undefined || admittedAt === (admit.hospitalAdmittedAt ?? admit.effectiveAt)) return undefined;
  const { seq, n, ...said } = admit;
  // Where the hospital stay began elsewhere, the placement stays where it is; else the two are one time.
  const again = admit.hospitalAdmittedAt === undefined ? { ...said, effectiveAt: admittedAt } : { ...said, hospitalAdmittedAt: admittedAt };
  const next = stay.events.filter((event) => event !== admit && event.kind !== 'admit' && event.cancels === undefined).map(({ effectiveAt }) => effectiveAt);
  if (next.some((at) => at < again.effectiveAt && at >= admit.effectiveAt) || admittedAt > again.effectiveAt) {
    context.trace.remarks.push(`PV1[${sequence}]-44 lies after what happened in the stay: the admission was not moved`);
    return undefined;
  }
  return [{ kind: 'cancel-admit', effectiveAt: admit.effectiveAt, cancels: { seq, n } }, again];
}

/** A23: the visit is taken back whole, whatever happened in it; its Encounter is marked as entered in error. */
function deleteVisit(context: MessageContext, patient: PatientState, { visit }: SubjectReading, visitToken: string | undefined): void {
  const stay = findStay(context, patient, visitToken, ['in-progress', 'finished', 'cancelled']);
  if (stay === undefined) {
    if (visitToken === undefined || !withdrawVisit(context, patient, visitToken)) throw new Refusal({ code: 'hl7.encounter-unknown', location: 'PV1^1^19' });
    return;
  }
  const cancels = (['discharge', 'admit'] as const).flatMap((kind): Omit<StayEvent, 'seq' | 'n'>[] => {
    const target = cancellable(stay.events, kind);
    return target === undefined ? [] : [{ kind: `cancel-${kind}`, effectiveAt: target.effectiveAt, cancels: { seq: target.seq, n: target.n } }];
  });
  addStayEvents(context, stay, cancels, visit, { amends: true, withdrawn: true });
}

function admit(context: MessageContext, patient: PatientState, subject: SubjectReading, visitToken: string | undefined): void {
  const { visit } = subject;
  const { eventAt } = context.message.reading;
  const location = locationOf(context, subject);
  const admittedAt = visit?.admittedAt;
  const event: Omit<StayEvent, 'seq' | 'n'> = {
    kind: 'admit',
    effectiveAt: eventAt,
    ...(location === undefined ? {} : { location }),
    ...(admittedAt === undefined || admittedAt === eventAt ? {} : { hospitalAdmittedAt: admittedAt }),
  };
  const token = visitToken ?? context.keyOf('visit-without-number', patient.id, String(admittedAt ?? eventAt)).replaceAll('-', '');
  const stay = findStay(context, patient, token, []);
  if (stay === undefined) {
    addStayEvent(context, createStay(context, patient, token), event, visit);
    return;
  }
  const { status, location: present } = reduceStay(stay.events);
  if (status !== 'in-progress') {
    addStayEvent(context, stay, event, visit);
  } else if (location !== undefined && (location.ward !== present?.ward || location.bed !== present.bed)) {
    addStayEvent(context, stay, { kind: 'transfer', effectiveAt: eventAt, location }, visit);
  } else updateStay(context, stay, visit);
}

function locationOf(context: MessageContext, { visit }: SubjectReading): StayEvent['location'] {
  return visit?.location === undefined ? undefined : readLocation(context.message.mapping, visit.location);
}

function requireStay(context: MessageContext, patient: PatientState, visitToken: string | undefined, statuses: readonly string[]): StayState {
  const stay = findStay(context, patient, visitToken, statuses);
  if (stay === undefined) throw new Refusal({ code: 'hl7.encounter-unknown', location: 'PV1^1^19' });
  return stay;
}
