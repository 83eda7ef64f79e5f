import { PrimumError } from '@primum/base';
import fhirpath, { FP_Decimal, type UserInvocationTable } from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4';

/** A FHIRPath expression (HL7 FHIRPath 2.0 over FHIR R4), parsed once; gives nodes that further paths start from. */
export type Path = (node: unknown, variables: Readonly<Record<string, unknown>>) => unknown[];

/**
 * A moment without an offset may be anywhere on Earth: its bounds carry the widest offsets (FHIRPath 2.0 STU, lowBoundary).
 * The engine leaves the offset out.
 */
const boundary = (name: 'lowBoundary' | 'highBoundary', offset: string) => {
  const bound = fhirpath.compile(
    `${name}().select(iif($this is System.DateTime and $this.toString().matches('T[0-9:.]+$'), ($this.toString() + '${offset}').toDateTime(), $this))`, r4, { resolveInternalTypes: false });
  return { fn: (nodes: unknown[]) => nodes.flatMap((node) => bound(node)), arity: { 0: [] }, internalStructures: true };
};

/** `getResourceKey()` and `getReferenceKey([type])`: SQL on FHIR v2, "Required Additional Functions". */
const functions = {
  getResourceKey: { fn: (nodes: unknown[]) => nodes.flatMap((node) => keyOf(fhirpath.util.valData(node))), arity: { 0: [] } },
  getReferenceKey: {
    fn: (nodes: unknown[], type?: { name?: string }) => nodes.flatMap((node) => referenceKeyOf(fhirpath.util.valData(node), type?.name)),
    arity: { 0: [], 1: ['TypeSpecifier'] },
  },
  // SQL on FHIR's suite wants the join of nothing to be an empty text.
  join: {
    fn: (nodes: unknown[], separator = '') => nodes.map((node) => String(fhirpath.util.valData(node))).join(separator),
    arity: { 0: [], 1: ['String'] },
  },
  lowBoundary: boundary('lowBoundary', '+14:00'),
  highBoundary: boundary('highBoundary', '-12:00'),
} satisfies UserInvocationTable;

const conversions: Readonly<Record<string, string>> = { valueDate: 'toDate', valueDateTime: 'toDateTime', valueInstant: 'toDateTime', valueTime: 'toTime' };

/** A constant's value as its type: a date as text would equal no date. `key` is its element, `valueDate`, … */
export function constantValue(key: string, value: unknown): unknown {
  const conversion = conversions[key];
  if (conversion === undefined || typeof value !== 'string') return value;
  const converted = fhirpath.evaluate({}, `%text.${conversion}()`, { text: value }, r4, { resolveInternalTypes: false });
  if (converted.length !== 1) throw new PrimumError('view.invalid', `a constant is no ${key.slice('value'.length)}`);
  return converted[0];
}

export function compilePath(expression: string, at: string): Path {
  try {
    const compiled = fhirpath.compile(expression, r4, { resolveInternalTypes: false, userInvocationTable: functions, traceFn: () => undefined });
    return (node, variables) => {
      try {
        // Synchronous: no option asks for promises.
        return compiled(node, variables) as unknown[];
      } catch (cause) {
        throw new PrimumError('view.invalid', `${at} can't be evaluated`, { cause });
      }
    };
  } catch (cause) {
    throw new PrimumError('view.invalid', `${at} is no FHIRPath`, { cause });
  }
}

/** Plain values of nodes: strings, numbers, booleans, or FHIR JSON. */
export function valuesOf(nodes: unknown[]): unknown[] {
  const values: unknown = fhirpath.resolveInternalTypes(nodes);
  return (Array.isArray(values) ? values : [values]).map((value) => (value instanceof FP_Decimal ? value.toNumber() : value));
}

function keyOf(resource: unknown): string[] {
  const id = typeof resource === 'object' && resource !== null && 'id' in resource ? resource.id : undefined;
  return typeof id === 'string' ? [id] : [];
}

/** `Type/id`, also at the end of an absolute URL and before a version. */
function referenceKeyOf(reference: unknown, type: string | undefined): string[] {
  const text = typeof reference === 'object' && reference !== null && 'reference' in reference ? reference.reference : undefined;
  const match = typeof text === 'string' ? /(?:^|\/)([A-Z][A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]+)?$/.exec(text) : null;
  return match === null || (type !== undefined && type !== match[1]) ? [] : [match[2]!];
}
