import { isObject, type Json } from './element-path.ts';

/** A copy of a rule's constant with `"@Name"` made a reference; an element that refers to nothing is left out. */
export function resolveReferences<T>(constant: T, urlOf: (name: string) => string | undefined): T {
  // The shape is kept, only strings change; T stays what the caller gave.
  return resolve(constant, urlOf) as T;
}

function resolve(constant: unknown, urlOf: (name: string) => string | undefined): unknown {
  if (Array.isArray(constant)) return constant.map((item) => resolve(item, urlOf)).filter((item) => item !== undefined);
  if (!isObject(constant)) return constant;
  const reference = constant['reference'];
  if (typeof reference === 'string' && reference.startsWith('@')) {
    const url = urlOf(reference.slice(1));
    return url === undefined ? undefined : { ...constant, reference: url };
  }
  const copy: Json = {};
  for (const [name, value] of Object.entries(constant)) {
    const made = resolve(value, urlOf);
    if (made !== undefined && !(Array.isArray(made) && made.length === 0)) copy[name] = made;
  }
  return copy;
}
