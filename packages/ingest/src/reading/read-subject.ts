import { component, field, hl7Null, locationOf, type Hl7Segment } from '@primum/formats';
import type { PatientReading, ReadingSource, SubjectReading, VisitReading } from './message-reading.ts';
import { readDate, readIdentifiers, readNullable, readTime, ReadingFault } from './read-fields.ts';

/** PID and PV1 (HL7 2.5.1, sections 3.4.2 and 3.4.3). A PID without an identifier is refused: nobody could be found by it. */
export function readSubject(pid: Hl7Segment, pv1: Hl7Segment | undefined, source: ReadingSource): SubjectReading {
  const patient = readPatient(pid, source);
  return { patient, visit: pv1 === undefined ? undefined : readVisit(pv1, pid, source), account: readIdentifiers(pid, 18, source)[0] };
}

const sexes: Readonly<Record<string, NonNullable<PatientReading['sex']>>> = { M: 'male', F: 'female', O: 'other', A: 'other', N: 'other', U: 'unknown' };

function readPatient(pid: Hl7Segment, source: ReadingSource): PatientReading {
  const identifiers = readIdentifiers(pid, 3, source);
  if (identifiers.length === 0) throw new ReadingFault({ code: 'hl7.field-missing', location: locationOf(pid, 3) });
  return {
    sequence: pid.sequence,
    identifiers,
    name: readNullable(pid, 5, () => ({
      family: component(pid, 5, { comp: 1, sub: 1 }),
      given: [component(pid, 5, { comp: 2 }), component(pid, 5, { comp: 3 })].filter((part) => part !== ''),
      suffix: component(pid, 5, { comp: 4 }),
      prefix: component(pid, 5, { comp: 5 }),
    })),
    birthDate: readDate(pid, 7, source),
    sex: readNullable(pid, 8, () => sexes[component(pid, 8).toUpperCase()] ?? 'unknown'),
    address: readNullable(pid, 11, () => ({
      lines: [component(pid, 11, { comp: 1, sub: 1 }), component(pid, 11, { comp: 2 })].filter((part) => part !== ''),
      city: component(pid, 11, { comp: 3 }),
      state: component(pid, 11, { comp: 4 }),
      postalCode: component(pid, 11, { comp: 5 }),
      country: component(pid, 11, { comp: 6 }),
    })),
    phone: readNullable(pid, 13, () => component(pid, 13, { comp: 1 }) || component(pid, 13, { comp: 12 })),
    died: readNullable(pid, 30, () => component(pid, 30).toUpperCase() === 'Y'),
    diedAt: readTime(pid, 29, source),
  };
}

function readVisit(pv1: Hl7Segment, pid: Hl7Segment, source: ReadingSource): VisitReading {
  const number = readIdentifiers(pv1, 19, source)[0] ?? readIdentifiers(pid, 18, source)[0];
  const raw = field(pv1, 3);
  return {
    sequence: pv1.sequence,
    number,
    patientClass: component(pv1, 2),
    location: raw === '' || raw === hl7Null ? undefined : {
      pointOfCare: component(pv1, 3, { comp: 1 }),
      room: component(pv1, 3, { comp: 2 }),
      bed: component(pv1, 3, { comp: 3 }),
    },
    admittedAt: readTime(pv1, 44, source),
    admittedToTheHour: /^\d{10}/.test(component(pv1, 44)),
    dischargedAt: readTime(pv1, 45, source),
    disposition: component(pv1, 36),
  };
}
