import type { Encounter } from '@medplum/fhirtypes';
import type { StaySummary } from '@primum/record';
import type { VisitReading } from '../reading/message-reading.ts';
import type { Elements } from './provenance.ts';
import { authoritySystem, systems } from './systems.ts';

/** PV1-2 (table 0004) → v3 ActCode, as HL7's v2-to-FHIR map has it. */
const classes: Readonly<Record<string, string>> = { I: 'IMP', O: 'AMB', E: 'EMER', P: 'PRENC', R: 'AMB', B: 'IMP', C: 'IMP', N: 'IMP' };

/** An Encounter as the stay's events add up to it, with what the visit says besides. */
export function encounterAfter(before: Encounter | undefined, stay: { id: string; patientId: string; summary: StaySummary }, visit: VisitReading | undefined): Encounter {
  const { summary } = stay;
  const iso = (at: number): string => new Date(at).toISOString();
  const encounter: Encounter = {
    ...before,
    resourceType: 'Encounter',
    id: before?.id ?? stay.id, // a client may have given it its own
    status: summary.status,
    class: visit === undefined || visit.patientClass === '' ? before?.class ?? { system: systems.actCode, code: 'IMP' } : { system: systems.actCode, code: classes[visit.patientClass] ?? 'IMP' },
    subject: { reference: `Patient/${stay.patientId}` },
  };
  if (visit?.number !== undefined) {
    const [system, value] = [authoritySystem(visit.number.authority), visit.number.value];
    const others = before?.identifier?.filter((held) => !held.type?.coding?.some(({ code }) => code === 'VN') && (held.system !== system || held.value !== value)) ?? [];
    encounter.identifier = [{ type: { coding: [{ system: systems.identifierType, code: 'VN' }] }, system, value }, ...others];
  }
  if (summary.admittedAt === null) delete encounter.period;
  else encounter.period = { start: iso(summary.admittedAt), ...(summary.endedAt === null ? {} : { end: iso(summary.endedAt) }) };
  if (summary.location === null) delete encounter.location;
  else encounter.location = [{ location: { display: `${summary.location.ward} ${summary.location.bed}`.trim() }, status: summary.status === 'in-progress' ? 'active' : 'completed' }];
  if (summary.endedAt === null) {
    const { dischargeDisposition: _taken, ...hospitalization } = encounter.hospitalization ?? {};
    if (Object.keys(hospitalization).length === 0) delete encounter.hospitalization;
    else encounter.hospitalization = hospitalization;
  } else if (visit !== undefined && visit.disposition !== '') encounter.hospitalization = { ...encounter.hospitalization, dischargeDisposition: { text: visit.disposition } };
  return encounter;
}

export function encounterElements(visit: VisitReading | undefined): Elements {
  if (visit === undefined) return { status: 'MSH[1]-9' };
  const pv1 = `PV1[${visit.sequence}]`;
  return {
    status: 'MSH[1]-9',
    class: `${pv1}-2`,
    ...(visit.location === undefined ? {} : { location: `${pv1}-3` }),
    ...(visit.number === undefined ? {} : { identifier: `${pv1}-19` }),
    ...(visit.disposition === '' ? {} : { 'hospitalization.dischargeDisposition': `${pv1}-36` }),
    ...(visit.admittedAt === undefined ? {} : { 'period.start': `${pv1}-44` }),
    ...(visit.dischargedAt === undefined ? {} : { 'period.end': `${pv1}-45` }),
  };
}
