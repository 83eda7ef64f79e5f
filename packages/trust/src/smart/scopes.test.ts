import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalScope, coveredScopes, isRestricted, knownScopes, narrowScopes, scopesAllow } from './scopes.ts';

describe('scopes', () => {
  it.each([
    ['patient/Observation.rs', 'patient/Observation.rs'], ['patient/Observation.cruds', 'patient/Observation.cruds'], ['patient/Observation.write', 'patient/Observation.cud'], ['patient/*.read', 'patient/*.rs'], ['user/Patient.*', 'user/Patient.cruds'],
    ['system/Encounter.s', 'system/Encounter.s'], ['launch/patient', 'launch/patient'], ['patient/Observation.sr', null],
    ['patient/Nonsense.rs', null], ['patient/Observation.rs?category=laboratory', null], ['admin', null], ['patient/*', null], ['', null],
  ])('%s is taken as %s', (asked, taken) => expect(canonicalScope(asked)).toBe(taken));

  it('tells a restriction by search from a scope', () => {
    expect(isRestricted('patient/Observation.rs?category=http://x|laboratory')).toBe(true);
    expect(isRestricted('patient/Observation.rs')).toBe(false);
  });

  /** One scope for each interaction: what is registered of a type may stand in two scopes, one of them of all types. */
  const lettersOf = (scope: string): string[] => {
    const [, of, letters] = /^(\w+\/[\w*]+\.)([cruds]+)$/.exec(scope) ?? [];
    return letters === undefined ? [scope] : Array.from(letters, (letter) => `${of}${letter}`);
  };
  const anyOf = fc.subarray([...knownScopes], { maxLength: 12 });
  it('narrowing grants nothing that was not asked and nothing that is not registered', () => {
    fc.assert(fc.property(anyOf, anyOf, (asked, registered) => {
      const [held, wanted] = [new Set(coveredScopes(registered)), new Set(coveredScopes(asked))];
      expect(narrowScopes(asked, registered).flatMap(lettersOf).filter((scope) => !held.has(scope) || !wanted.has(scope))).toEqual([]);
    }));
  });

  it('what is covered allows no type and no interaction that was not registered', () => {
    fc.assert(fc.property(anyOf, fc.constantFrom('c' as const, 'r' as const, 'u' as const, 'd' as const, 's' as const), fc.constantFrom('Observation', 'Patient', 'Encounter'), (registered, interaction, type) => {
      expect(scopesAllow(coveredScopes(registered), interaction, type)).toBe(scopesAllow(registered, interaction, type));
    }));
  });
});
