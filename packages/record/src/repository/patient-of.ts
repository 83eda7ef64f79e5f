import type { Reference, Resource } from '@medplum/fhirtypes';

/** Elements that say whose record a resource is in, after the compartment of Patient (FHIR R4, CompartmentDefinition/patient): one person, not who took part. */
const elements = ['patient', 'subject', 'beneficiary', 'for', 'individual'] as const;
/** Types whose `subject` is what they are about and not whose record they are in. */
const definitional = new Set(['ActivityDefinition', 'PlanDefinition', 'Measure', 'EventDefinition', 'ResearchDefinition', 'ResearchElementDefinition', 'EvidenceVariable', 'Questionnaire']);

/**
 * The FHIR id of the patient in whose compartment a resource is; null where it speaks of none or of several, which is
 * then sealed under the tenant's key. References are `Patient/ID`, with or without a server before and a version after.
 */
export function patientIdOf(resource: Resource): string | null {
  if (resource.resourceType === 'Patient') return resource.id ?? null;
  if (definitional.has(resource.resourceType)) return null;
  const named = new Set<string>();
  const add = (reference: Reference | undefined): void => {
    const id = patientReferenced(reference?.reference);
    if (id !== null) named.add(id);
  };
  const values = resource as unknown as Record<string, unknown>; // elements are looked for by name
  for (const element of elements) {
    const value = values[element];
    if (Array.isArray(value)) for (const one of value as Reference[]) add(one); // Account.subject
    else if (typeof value === 'object' && value !== null) add(value as Reference); // subject of a definition may be a CodeableConcept, which has no reference
  }
  if (resource.resourceType === 'Binary') add(resource.securityContext);
  if (resource.resourceType === 'Appointment') for (const { actor } of resource.participant) add(actor);
  if (resource.resourceType === 'AppointmentResponse') add(resource.actor);
  if (resource.resourceType === 'Provenance') for (const target of resource.target) add(target);
  return named.size === 1 ? [...named][0]! : null;
}

export function patientReferenced(reference: string | undefined): string | null {
  return reference === undefined ? null : /^(?:https?:\/\/[^?#]*\/)?Patient\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]+)?$/.exec(reference)?.[1] ?? null;
}
