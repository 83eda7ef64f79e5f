import { parseScope, type Interaction } from '../policy/within-scopes.ts';

/**
 * Scopes of SMART App Launch 2.2 (section "Scopes"): `patient/`, `user/` and `system/` ones for FHIR, launch
 * context, and OpenID Connect's. v1's `.read` is taken as `.rs`, `.write` as `.cud`, `.*` as `.cruds`. A restriction by search (`?category=…`) is refused, because granting it without
 * the restriction would grant more than was asked.
 */

/** FHIR R4 types that scopes may name; `*` is all of them. */
const resourceTypes = [
  '*', 'Account', 'AllergyIntolerance', 'Appointment', 'Basic', 'Binary', 'CarePlan', 'CareTeam', 'ChargeItem', 'Claim', 'ClinicalImpression', 'CodeSystem', 'Communication',
  'Composition', 'ConceptMap', 'Condition', 'Consent', 'Coverage', 'Device', 'DeviceMetric', 'DiagnosticReport', 'DocumentReference',
  'Encounter', 'EpisodeOfCare', 'ExplanationOfBenefit', 'FamilyMemberHistory', 'Flag', 'Goal', 'Group', 'HealthcareService', 'ImagingStudy', 'Immunization', 'List', 'Location',
  'Media', 'Medication', 'MedicationAdministration', 'MedicationDispense', 'MedicationRequest', 'MedicationStatement', 'Observation', 'Organization', 'Patient',
  'Practitioner', 'PractitionerRole', 'Procedure', 'Provenance', 'Questionnaire', 'QuestionnaireResponse', 'RelatedPerson', 'RiskAssessment', 'Schedule',
  'ServiceRequest', 'Slot', 'Specimen', 'StructureDefinition', 'Subscription', 'Task', 'ValueSet', 'ViewDefinition',
] as const;
const levels = ['patient', 'user', 'system'] as const;
/** Every way of naming some of the five interactions, in their order. */
const forms = Array.from({ length: 31 }, (_, n) => [...'cruds'].filter((_letter, bit) => ((n + 1) >> bit) % 2 === 1).join(''));

export const contextScopes = ['openid', 'fhirUser', 'profile', 'offline_access', 'launch', 'launch/patient', 'launch/encounter'] as const;

/** Every scope that the issuer can grant. */
export const knownScopes: readonly string[] = [...contextScopes, ...levels.flatMap((level) => resourceTypes.flatMap((type) => forms.map((form) => `${level}/${type}.${form}`)))];
const known = new Set(knownScopes);

/** A scope as we grant it (`patient/Observation.read` → `patient/Observation.rs`); null where nothing of it is served. */
export function canonicalScope(scope: string): string | null {
  const v2 = scope.replace(/\.read$/, '.rs').replace(/\.write$/, '.cud').replace(/\.\*$/, '.cruds');
  return known.has(v2) ? v2 : null;
}

/** Restricts by search, which is not served. */
export function isRestricted(scope: string): boolean {
  return /^(patient|user|system)\/[^?]*\?/.test(scope);
}

/** Whether having `held` is having `wanted`. */
function covers(held: string, wanted: string): boolean {
  if (held === wanted) return true;
  const [a, b] = [parseScope(held), parseScope(wanted)];
  if (a === null || b === null) return false;
  return a.level === b.level && (a.type === '*' || a.type === b.type) && [...b.interactions].every((one) => a.interactions.includes(one));
}

/** Every scope that a client with `registered` may ask: `user/*.rs` covers `user/Observation.r`. */
export function coveredScopes(registered: readonly string[]): string[] {
  return knownScopes.filter((scope) => registered.some((held) => covers(held, scope)));
}

/** Of what was asked, what a client may have: the rest is left out, as the specification allows, and the token says so. */
export function narrowScopes(asked: readonly string[], registered: readonly string[]): string[] {
  const canonical = asked.map(canonicalScope).filter((scope) => scope !== null);
  return [...new Set(canonical.flatMap((scope) => {
    const wanted = parseScope(scope);
    if (wanted === null) return registered.includes(scope) ? [scope] : [];
    const letters = [...wanted.interactions].filter((letter) => registered.some((held) => covers(held, `${wanted.level}/${wanted.type}.${letter}`)));
    return letters.length === 0 ? [] : [`${wanted.level}/${wanted.type}.${letters.join('')}`];
  }))];
}

/** Of patients' data. */
export function isResourceScope(scope: string): boolean {
  return parseScope(scope) !== null;
}

/** Whether scopes allow an interaction (`c` create, `r` read, `u` update, `d` delete, `s` search) on a type at all; which patient is the policy's to say. */
export function scopesAllow(scopes: readonly string[], interaction: Interaction, resourceType: string): boolean {
  return scopes.some((text) => {
    const scope = parseScope(text);
    return scope !== null && scope.interactions.includes(interaction) && (scope.type === '*' || scope.type === resourceType);
  });
}
