import type { Authority, Principal } from '../access/principal.ts';

/** FHIR interactions as SMART App Launch 2.2 abbreviates them (section "Scopes for requesting FHIR Resources"). */
export type Interaction = 'c' | 'r' | 'u' | 'd' | 's';

/** One scope v2, `patient/Observation.rs`; null for another kind (`openid`), and for one with a search restriction. */
export function parseScope(scope: string): { level: 'patient' | 'user' | 'system'; type: string; interactions: string } | null {
  const [, level, type, interactions] = /^(patient|user|system)\/(\*|[A-Z][A-Za-z]+)\.(c?r?u?d?s?)$/.exec(scope) ?? [];
  if (level === undefined || type === undefined || interactions === undefined || interactions === '') return null;
  return { level: level as 'patient' | 'user' | 'system', type, interactions }; // the expression's three words
}

/** Who an app acts for: a person's app has `patient/` and `user/` scopes, a service account `system/` ones. */
type Asking = { scopes: readonly string[]; levels: readonly string[]; patientId?: string };

/** What each authority is among FHIR's interactions: one of these letters. Others are not an app's. */
const lettersOf: Partial<Record<Authority, readonly Interaction[]>> = {
  'patient.read': ['r', 's'], 'record.export': ['r', 's'], 'record.write': ['c', 'u', 'd'], 'record.define': ['c', 'u', 'd'], 'record.import': ['c', 'u'],
};

/**
 * Scopes are an upper bound: what an app or service account may ask at all, before the policies are asked. They allow
 * reading and writing FHIR, nothing else; which letter an interaction needs is asked where it is (`scopesAllow`). `resourceType` absent: is there any type that may be read? A token that is bound to a
 * patient, or that has `patient/` scopes alone for this type, is for that patient only.
 */
export function withinScopes(principal: Principal, asked: { authority: Authority; resourceType?: string | undefined; subject?: { patientId: string; rootId: string } | undefined }): boolean {
  const asking = askingOf(principal);
  if (asking === null) return true;
  const letters = lettersOf[asked.authority];
  if (letters === undefined) return false;
  const bound = asking.patientId;
  return asking.scopes.some((text) => {
    const scope = parseScope(text);
    if (scope === null || !asking.levels.includes(scope.level) || !letters.some((letter) => scope.interactions.includes(letter))) return false;
    if (asked.resourceType !== undefined && scope.type !== '*' && scope.type !== asked.resourceType) return false;
    if (scope.level === 'patient' && bound === undefined) return false;
    return asked.subject === undefined || bound === undefined || asked.subject.patientId === bound || asked.subject.rootId === bound;
  });
}

function askingOf(principal: Principal): Asking | null {
  if (principal.kind === 'client') return { scopes: principal.scopes, levels: ['system'] };
  if (principal.kind !== 'user' || principal.via === undefined) return null;
  return { scopes: principal.via.scopes, levels: ['patient', 'user'], ...(principal.via.patientId === undefined ? {} : { patientId: principal.via.patientId }) };
}
