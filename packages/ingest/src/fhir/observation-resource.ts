import type { Coding, Observation, Quantity } from '@medplum/fhirtypes';
import type { MappedResult } from '../mapping/map-result.ts';
import type { ResultReading } from '../reading/message-reading.ts';
import type { Elements } from './provenance.ts';
import { extensions, localSystem, systems } from './systems.ts';

type Subject = { id: string; patientId: string; stayId: string | undefined; application: string; status: Observation['status'] };

/**
 * An Observation that keeps what was sent: local code beside LOINC, value and unit as the source gave them, and a note
 * where the value stays out of the features. A withdrawn one (`entered-in-error`) holds no value.
 */
export function buildObservation(subject: Subject, result: ResultReading, mapped: MappedResult): Observation {
  const { entry } = mapped;
  const local: Coding = { system: localSystem(subject.application), code: result.code.id, ...(result.code.text === '' ? {} : { display: result.code.text }) };
  const withdrawn = subject.status === 'entered-in-error';
  return {
    resourceType: 'Observation',
    id: subject.id,
    ...(result.subId === '' ? {} : { extension: [{ url: extensions.subId, valueString: result.subId }] }),
    status: subject.status,
    ...(entry?.category === 'vital-signs' || entry?.category === 'laboratory' ? { category: [{ coding: [{ system: systems.observationCategory, code: entry.category }] }] } : {}),
    code: { coding: [...(entry === undefined || entry.code.startsWith('primum:') ? [] : [{ system: systems.loinc, code: entry.code, display: entry.display }]), local] },
    subject: { reference: `Patient/${subject.patientId}` },
    ...(subject.stayId === undefined ? {} : { encounter: { reference: `Encounter/${subject.stayId}` } }),
    effectiveDateTime: new Date(result.effectiveAt).toISOString(),
    ...(result.order === '' ? {} : { basedOn: [{ identifier: { value: result.order } }] }),
    ...(withdrawn ? {} : valueOf(result, mapped)),
    ...(result.interpretation === '' ? {} : { interpretation: [{ coding: [{ system: systems.interpretation, code: result.interpretation }] }] }),
    ...(result.referenceRange === '' ? {} : { referenceRange: [{ text: result.referenceRange }] }),
    ...(mapped.flag === undefined || withdrawn ? {} : { note: [{ text: notes[mapped.flag] }] }),
  };
}

const notes = {
  implausible: 'Outside the plausible range of this source; kept as sent, not used.',
  'unit-unknown': 'The unit is not in the mapping of this source; kept as sent, not used.',
  unmapped: 'The code is not in the mapping of this source; kept as sent, not used.',
} as const;

function valueOf(result: ResultReading, mapped: MappedResult): Pick<Observation, 'valueQuantity' | 'valueString' | 'dataAbsentReason'> {
  if (result.status === 'cannot-be-obtained') return { dataAbsentReason: { coding: [{ system: systems.dataAbsentReason, code: 'not-performed' }] } };
  if (result.text === '') return { dataAbsentReason: { coding: [{ system: systems.dataAbsentReason, code: 'unknown' }] } };
  const bound = result.comparator === undefined ? null : Number(result.text.replace(/^[<>=\s]+/, ''));
  const value = result.number ?? bound;
  if (value === null) return { valueString: result.text };
  const quantity: Quantity = {
    value,
    ...(result.comparator === undefined ? {} : { comparator: result.comparator }),
    ...(result.unit === '' ? {} : { unit: result.unit }),
    ...(mapped.ucum === undefined ? {} : { system: systems.ucum, code: mapped.ucum }),
    ...(String(value) === result.text ? {} : { extension: [{ url: extensions.asSent, valueString: result.text }] }),
  };
  return { valueQuantity: quantity };
}

export function observationElements(result: ResultReading): Elements {
  const obx = `OBX[${result.sequence}]`;
  const effective = { 'OBX-14': `${obx}-14`, 'OBR-7': `OBR[${result.obrSequence}]-7`, 'MSH-7': 'MSH[1]-7' }[result.effectiveFrom];
  return {
    code: `${obx}-3`,
    value: `${obx}-5`,
    ...(result.unit === '' ? {} : { 'valueQuantity.unit': `${obx}-6` }),
    ...(result.referenceRange === '' ? {} : { referenceRange: `${obx}-7` }),
    ...(result.interpretation === '' ? {} : { interpretation: `${obx}-8` }),
    status: `${obx}-11`,
    effectiveDateTime: effective,
    subject: 'PID[1]-3',
    ...(result.order === '' ? {} : { basedOn: `OBR[${result.obrSequence}]-3` }),
  };
}
