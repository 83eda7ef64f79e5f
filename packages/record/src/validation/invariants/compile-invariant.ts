import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4';
import type { Rule, Structure } from '../structure.ts';
import { compileTruth, type Truth } from './compile-path.ts';
import { BeyondSubset } from './parse-path.ts';
import { plainRules } from './plain-rules.ts';

export type Invariant = Rule & { key: string; holds: Truth };

/** Above this many objects the slow engine is not asked. */
const largestForEngine = 20_000;

/**
 * `type`: of what it is asked of; a type or a shape (`Bundle.entry`). A rule is broken where it is false: nothing, where
 * values are not there or can't be compared, breaks none.
 */
export function compileInvariant(structure: Structure, key: string, rule: Rule, type: string): Invariant {
  return { ...rule, key, holds: Object.hasOwn(plainRules, key) ? plainRules[key]! : compileExpression(structure, rule.expression, type) };
}

/** Throws where it is no FHIRPath. */
export function compileExpression(structure: Structure, expression: string, type: string): Truth {
  const [root = ''] = type.split('.');
  try {
    return compileTruth(structure, expression, type, structure.shape(root)?.resource === true ? root : undefined);
  } catch (error) {
    if (!(error instanceof BeyondSubset)) throw error;
    return byEngine(expression, type);
  }
}

/** By the full engine, for what is seldom: definitions and profiles. */
export function byEngine(expression: string, type: string): Truth {
  const compiled = fhirpath.compile({ base: type, expression }, r4, { traceFn: () => undefined });
  return (focus, { resource, rootResource, context }) => {
    if (sizeOf(focus, largestForEngine) <= 0) return undefined;
    try {
      const found: unknown = compiled(focus, { resource, rootResource, context, ucum: 'http://unitsofmeasure.org' });
      return Array.isArray(found) && found.length > 0 ? found[0] !== false : undefined;
    } catch {
      // Values of the wrong shape, which are an issue of their own.
      return undefined;
    }
  };
}

function sizeOf(value: unknown, left: number): number {
  if (typeof value !== 'object' || value === null) return left;
  let rest = left - 1;
  for (const inner of Object.values(value)) {
    if (rest <= 0) return rest;
    rest = sizeOf(inner, rest);
  }
  return rest;
}
