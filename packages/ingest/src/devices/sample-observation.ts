import type { Coding, Observation } from '@medplum/fhirtypes';
import { uuidOf } from '@primum/record';
import type { Keys } from '@primum/trust';
import { systems } from '../fhir/systems.ts';
import type { DeviceCode, DeviceCodes } from './device-codes.ts';
import type { DeviceSample } from './device-reading.ts';

const mdcSystem = 'urn:iso:std:iso:11073:10101';
const localCodes = 'urn:primum:device-code';

/**
 * What a device measured, at the time it says. A device measures one thing once at a time: its id is made of device, code
 * and time, so a sample that is sent again is the same Observation, and another value for it is a new version. A code that
 * the table does not know stands as it was sent, and feeds no score.
 */
export function sampleObservation(deps: { keys: Pick<Keys, 'token'>; codes: DeviceCodes }, tenant: number, place: { deviceId: string; patientId: string }, sample: DeviceSample): Observation {
  const { keys, codes } = deps;
  const code = codes.find(sample.name);
  const at = new Date(sample.at).toISOString();
  const unit = sample.unit === undefined ? code?.unit ?? '' : codes.unit(sample.unit);
  return {
    resourceType: 'Observation',
    id: uuidOf(keys.token(tenant, 'identifier', JSON.stringify(['device-sample', place.deviceId, place.patientId, sample.name, at]))),
    status: 'final',
    ...(code === undefined ? {} : { category: [{ coding: [{ system: systems.observationCategory, code: code.category }] }] }),
    code: { coding: codingsOf(code, sample.name) },
    subject: { reference: `Patient/${place.patientId}` },
    effectiveDateTime: at,
    device: { reference: `Device/${place.deviceId}` },
    valueQuantity: { value: sample.value, ...(unit === '' ? {} : { unit, system: systems.ucum, code: unit }) },
  };
}

function codingsOf(code: DeviceCode | undefined, name: string): Coding[] {
  if (code === undefined) return [name.startsWith('MDC_') ? { system: mdcSystem, code: name } : { system: localCodes, code: name }];
  const [id, number] = Object.entries(code.mdc).find(([reference, value]) => reference === name || value?.toString() === name) ?? [];
  return [
    { system: systems.loinc, code: code.loinc, display: code.display },
    ...(id === undefined ? [] : [{ system: mdcSystem, code: number?.toString() ?? id, display: id }]),
  ];
}
