/**
 * FHIR JSON whose decimals keep their digits: `1.80` says more than `1.8` (FHIR R4, section 2.24.0.1, decimal). A number
 * stays a number for whoever computes; how it was written stands beside it under a symbol, which copies of the object
 * take along and which no list of elements shows. Text without such a number, nearly all of it, costs one test.
 */
const written: unique symbol = Symbol('decimals as written');
type Holder = { [written]?: Record<string, string> };

/** A zero at the end, an exponent, or more digits than a double holds. In a string it costs time and changes nothing. */
const worthKeeping = /[[:,]\s*-?(?:\d+\.\d*0(?=[\s,\]}])|\d[\d.]*[eE]|\d[\d.]{16})/;

export function parseFhir(text: string): unknown {
  return worthKeeping.test(text) ? JSON.parse(text, keep) : JSON.parse(text);
}

/** The third argument is newer than TypeScript's own declaration (ECMAScript proposal "JSON.parse source text access"). */
function keep(this: unknown, key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value === 'number' && source !== undefined && String(value) !== source) note(this as Holder, key, source); // a reviver is called on what holds the value
  return value;
}

function note(holder: Holder, key: string, source: string): void {
  (holder[written] ??= {})[key] = source;
}

export function stringifyFhir(value: unknown): string {
  return holdsWritten(value) ? JSON.stringify(value, asWritten) : JSON.stringify(value);
}

function asWritten(this: unknown, key: string, value: unknown): unknown {
  const source = typeof value === 'number' ? (this as Holder)[written]?.[key] : undefined;
  // A number that was changed since is written as it is now.
  return source !== undefined && Number(source) === value ? rawJson(source) : value;
}

/** Newer than TypeScript's own declaration, as above. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

function holdsWritten(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsWritten) || (value as Holder)[written] !== undefined;
  if ((value as Holder)[written] !== undefined) return true;
  for (const name in value) if (holdsWritten((value as Record<string, unknown>)[name])) return true;
  return false;
}

/** A copy that keeps its decimals as written; a structured clone leaves symbols out. */
export function cloneFhir<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const copy = Array.isArray(value) ? value.map(cloneFhir) : Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cloneFhir(part)]));
  return keepWritten(value, copy) as T; // the same elements
}

/** For who builds a copy element by element. */
export function keepWritten<T extends object>(from: object, to: T): T {
  const said = (from as Holder)[written];
  if (said !== undefined) (to as Holder)[written] = said;
  return to;
}
