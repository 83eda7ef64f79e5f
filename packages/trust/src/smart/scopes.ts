import { parseScope } from '../policy/within-scopes.ts';

/**
 * Scopes of SMART App Launch 2.2 (section "Scopes"): `patient/`, `user/` and `system/` ones for reading FHIR, launch
 * context, and OpenID Connect's. What is served is reading and searching: `c`, `u` and `d` are never granted, and v1's
 * `.read` and `.*` are taken as `.rs`. A restriction by search (`?category=…`) is refused, because granting it without
 * the restriction would grant more than was asked.
 */

/** FHIR R4 types that scopes may name; `*` is all of them. */
const resourceTypes = [
  '*', 'AllergyIntolerance', 'CarePlan', 'CareTeam', 'ClinicalImpression', 'Condition', 'Consent', 'Coverage', 'Device', 'DiagnosticReport', 'DocumentReference',
  'Encounter', 'EpisodeOfCare', 'Flag', 'Goal', 'ImagingStudy', 'Immunization', 'Location', 'Media', 'Medication', 'MedicationAdministration', 'MedicationDispense',
  'MedicationRequest', 'MedicationStatement', 'Observation', 'Organization', 'Patient', 'Practitioner', 'PractitionerRole', 'Procedure', 'Provenance',
  'QuestionnaireResponse', 'RelatedPerson', 'RiskAssessment', 'ServiceRequest', 'Specimen',
] as const;
const levels = ['patient', 'user', 'system'] as const;
const forms = ['r', 's', 'rs'] as const;

export const contextScopes = ['openid', 'fhirUser', 'profile', 'offline_access', 'launch', 'launch/patient', 'launch/encounter'] as const;

/** Every scope that the issuer can grant. */
export const knownScopes: readonly string[] = [...contextScopes, ...levels.flatMap((level) => resourceTypes.flatMap((type) => forms.map((form) => `${level}/${type}.${form}`)))];
const known = new Set(knownScopes);

/** A scope as we grant it (`patient/Observation.cruds` → `patient/Observation.rs`); null where nothing of it is served. */
export function canonicalScope(scope: string): string | null {
  const v2 = scope.replace(/\.(read|\*)$/, '.rs');
  const parsed = parseScope(v2);
  if (parsed === null) return known.has(scope) ? scope : null;
  const served = `${parsed.level}/${parsed.type}.${parsed.interactions.replace(/[cud]/g, '')}`;
  return known.has(served) ? served : null;
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
  return [...new Set(canonical)].filter((scope) => registered.some((held) => covers(held, scope)));
}

/** Of patients' data. */
export function isResourceScope(scope: string): boolean {
  return parseScope(scope) !== null;
}

/** Whether scopes allow an interaction (`r` read, `s` search) on a type at all; which patient is the policy's to say. */
export function scopesAllow(scopes: readonly string[], interaction: 'r' | 's', resourceType: string): boolean {
  return scopes.some((text) => {
    const scope = parseScope(text);
    return scope !== null && scope.interactions.includes(interaction) && (scope.type === '*' || scope.type === resourceType);
  });
}
