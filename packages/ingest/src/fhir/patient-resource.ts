import type { Identifier, Patient } from '@medplum/fhirtypes';
import { epochOf } from '@primum/base';
import type { Demographics } from '@primum/record';
import type { IdentifierReading, PatientReading } from '../reading/message-reading.ts';
import type { Elements } from './provenance.ts';
import { authoritySystem, systems } from './systems.ts';

/**
 * A Patient after a PID: what was sent replaces what we hold, an empty field says nothing, the HL7 null value deletes
 * (HL7 2.5.1, section 2.5.3). Identifiers add up. `diedAt` is the event's time where PID-29 is empty.
 */
export function patientAfter(before: Patient | undefined, id: string, reading: PatientReading, eventAt: number): Patient {
  const after: Patient = { ...before, resourceType: 'Patient', id: before?.id ?? id, active: before?.active ?? true, identifier: addIdentifiers(before?.identifier ?? [], reading.identifiers) };
  replace(after, 'name', reading.name, ({ family, given, prefix, suffix }) => [{
    use: 'official' as const,
    ...(family === '' ? {} : { family }),
    ...(given.length === 0 ? {} : { given: [...given] }),
    ...(prefix === '' ? {} : { prefix: [prefix] }),
    ...(suffix === '' ? {} : { suffix: [suffix] }),
  }]);
  replace(after, 'birthDate', reading.birthDate, (date) => date);
  replace(after, 'gender', reading.sex, (sex) => sex);
  replace(after, 'address', reading.address, ({ lines, city, state, postalCode, country }) => [{
    ...(lines.length === 0 ? {} : { line: [...lines] }),
    ...(city === '' ? {} : { city }),
    ...(state === '' ? {} : { state }),
    ...(postalCode === '' ? {} : { postalCode }),
    ...(country === '' ? {} : { country }),
  }]);
  replace(after, 'telecom', reading.phone, (phone) => (phone === '' ? [] : [{ system: 'phone' as const, value: phone }]));
  if (reading.died === true) after.deceasedDateTime = reading.diedAt === undefined ? before?.deceasedDateTime ?? new Date(eventAt).toISOString() : new Date(reading.diedAt).toISOString();
  if (reading.died === false || reading.died === null) delete after.deceasedDateTime;
  return after;
}

function replace<K extends keyof Patient, T>(patient: Patient, name: K, sent: T | null | undefined, write: (value: T) => NonNullable<Patient[K]>): void {
  if (sent === undefined) return;
  if (sent === null) {
    delete patient[name];
    return;
  }
  const said = write(sent);
  // FHIR has neither empty lists nor empty objects: a field of which nothing is used says nothing.
  if (!Array.isArray(said) || said.some((item) => Object.keys(item).length > 0)) patient[name] = said;
}

export function addIdentifiers(held: readonly Identifier[], sent: readonly IdentifierReading[]): Identifier[] {
  const identifiers = [...held];
  for (const { value, authority, type } of sent) {
    const system = authoritySystem(authority);
    if (identifiers.some((item) => item.system === system && item.value === value)) continue;
    identifiers.push({
      ...(type === '' ? {} : { type: { coding: [{ system: systems.identifierType, code: type }] } }),
      system,
      value,
    });
  }
  return identifiers;
}

export function patientElements(reading: PatientReading): Elements {
  const pid = `PID[${reading.sequence}]`;
  const sent: [string, number, unknown][] = [
    ['name', 5, reading.name], ['birthDate', 7, reading.birthDate], ['gender', 8, reading.sex], ['address', 11, reading.address],
    ['telecom', 13, reading.phone], ['deceasedDateTime', reading.diedAt === undefined ? 30 : 29, reading.died],
  ];
  return Object.fromEntries([['identifier', `${pid}-3`], ...sent.filter(([, , value]) => value !== undefined).map(([element, number]) => [element, `${pid}-${number}`])]);
}

export function demographicsOf(patient: Patient | undefined): Demographics {
  return { birthDate: patient?.birthDate, sex: patient?.gender };
}

/** When the patient died (ms), as PID-29/30 say. */
export function diedAt(patient: Patient | undefined): number | undefined {
  return patient?.deceasedDateTime === undefined ? undefined : epochOf(patient.deceasedDateTime);
}
