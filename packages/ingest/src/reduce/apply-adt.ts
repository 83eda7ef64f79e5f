import { reduceStay, type StayEvent } from '@primum/record';
import type { SubjectReading } from '../reading/message-reading.ts';
import { Refusal, type MessageContext } from './message-context.ts';
import type { PatientState, StayState } from './record-state.ts';
import { addStayEvent, cancelStayEvent, createStay, findStay, readLocation } from './stays.ts';
import { createPatient, findPatient, requirePatient, updatePatient } from './subjects.ts';

/**
 * Admission, transfer, discharge, update and their cancellations (HL7 2.5.1, section 3.3):
 *
 *   A01 A04  make the patient and the stay; for a visit that goes on already they are an update, and a transfer where
 *            the location differs; for a cancelled visit a new admission
 *   A02      transfer            A03  discharge (with death, where the disposition says so)
 *   A08      update of the patient; it moves nobody
 *   A11 A12 A13  cancel the last admission, transfer, discharge that still stands
 *   A17      two patients change beds: a transfer of each
 */
export function applyAdt(context: MessageContext): void {
  const { reading, subjects } = context.message;
  for (const [index, subject] of reading.subjects.entries()) {
    const { tokens, visitToken } = subjects[index] ?? { tokens: [], visitToken: undefined };
    const creates = reading.trigger === 'A01' || reading.trigger === 'A04';
    const known = creates
      ? findPatient(context, tokens) ?? createPatient(context, subject.patient.identifiers, tokens, { segment: `PID[${subject.patient.sequence}]`, field: 3 })
      : requirePatient(context, tokens);
    const patient = updatePatient(context, known, subject.patient, tokens);
    applyEvent(context, patient, subject, visitToken);
  }
}

function applyEvent(context: MessageContext, patient: PatientState, subject: SubjectReading, visitToken: string | undefined): void {
  const { visit } = subject;
  switch (context.message.reading.trigger) {
    case 'A01': case 'A04': return admit(context, patient, subject, visitToken);
    case 'A02': case 'A17': {
      const location = locationOf(context, subject);
      if (location === undefined) throw new Refusal({ code: 'hl7.field-missing', location: `PV1^${visit?.sequence ?? 1}^3` });
      addStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), { kind: 'transfer', effectiveAt: context.message.reading.eventAt, location }, visit);
      return;
    }
    case 'A03': {
      const died = visit !== undefined && context.message.mapping.deathDispositions.has(visit.disposition);
      addStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), {
        kind: 'discharge', effectiveAt: visit?.dischargedAt ?? context.message.reading.eventAt, ...(died ? { died } : {}),
      }, visit);
      return;
    }
    case 'A11': return cancelStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), 'admit', visit);
    case 'A12': return cancelStayEvent(context, requireStay(context, patient, visitToken, ['in-progress']), 'transfer', visit);
    case 'A13': return cancelStayEvent(context, requireStay(context, patient, visitToken, ['finished']), 'discharge', visit);
    default: return;
  }
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
  }
}

function locationOf(context: MessageContext, { visit }: SubjectReading): StayEvent['location'] {
  return visit?.location === undefined ? undefined : readLocation(context.message.mapping, visit.location);
}

function requireStay(context: MessageContext, patient: PatientState, visitToken: string | undefined, statuses: readonly string[]): StayState {
  const stay = findStay(context, patient, visitToken, statuses);
  if (stay === undefined) throw new Refusal({ code: 'hl7.encounter-unknown', location: 'PV1^1^19' });
  return stay;
}
