import type { CapabilityStatementRestResource, ResourceType } from '@medplum/fhirtypes';
import { searchableTypes, searchParametersOf as parametersOf } from '@primum/record';

const notStored = new Set(['Bundle', 'Parameters', 'OperationOutcome', 'CapabilityStatement', 'AuditEvent']);

/** Types that are stored: FHIR R4's without those that only travel, and without AuditEvent, which the log writes. */
export function resourceTypes(): ResourceType[] {
  return [...searchableTypes(), 'Binary'].filter((type) => !notStored.has(type)).toSorted() as ResourceType[]; // R4's own names
}

export function isResourceType(type: string): boolean {
  // A Binary is found by nothing but its id.
  return type === 'Binary' || (!notStored.has(type) && searchableTypes().includes(type));
}

/** A type's search parameters as a CapabilityStatement lists them. */
export function searchParametersOf(type: string): Pick<CapabilityStatementRestResource, 'searchParam' | 'searchInclude'> {
  const parameters = [...parametersOf(type).values()];
  return {
    searchParam: parameters.map((one) => ({ name: one.code, type: one.type })),
    searchInclude: parameters.filter((one) => one.type === 'reference').map(({ code }) => `${type}:${code}`),
  };
}
