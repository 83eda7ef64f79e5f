/** Identifiers of code systems and extensions in our FHIR resources. */
export const systems = {
  loinc: 'http://loinc.org',
  ucum: 'http://unitsofmeasure.org',
  observationCategory: 'http://terminology.hl7.org/CodeSystem/observation-category',
  dataAbsentReason: 'http://terminology.hl7.org/CodeSystem/data-absent-reason',
  actCode: 'http://terminology.hl7.org/CodeSystem/v3-ActCode',
  identifierType: 'http://terminology.hl7.org/CodeSystem/v2-0203',
  dischargeDisposition: 'http://terminology.hl7.org/CodeSystem/discharge-disposition',
  interpretation: 'http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation',
  provenanceParticipant: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type',
  dataOperation: 'http://terminology.hl7.org/CodeSystem/v3-DataOperation',
} as const;

/** Codes and identifiers that only their sender or assigner defines. */
export const localSystem = (application: string): string => `urn:primum:source:${encodeURIComponent(application)}`;
export const authoritySystem = (authority: string): string => `urn:primum:authority:${encodeURIComponent(authority)}`;

export const extensions = {
  /** On Provenance.target: `element=SEG[n]-field; …`, which field of the message each element came from. */
  hl7v2Elements: 'urn:primum:fhir:hl7v2-elements',
  /** On Provenance.entity: a segment that no mapping table reads, as it was sent. */
  hl7v2Segment: 'urn:primum:fhir:hl7v2-segment',
  /** On an Observation: OBX-4, which is part of the result's identity. */
  subId: 'urn:primum:fhir:hl7v2-sub-id',
  /** On a quantity: the digits as they were sent, where a JSON number would lose their precision. */
  asSent: 'urn:primum:fhir:as-sent',
} as const;
