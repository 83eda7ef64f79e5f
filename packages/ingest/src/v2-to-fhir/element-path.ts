/** A FHIR element or resource under construction. */
export type Json = { [name: string]: unknown };

type Step = { name: string; list: boolean; each: boolean; url?: string };

const compiled = new Map<string, readonly Step[]>();
const step = /^(\w+)(\[\*?\])?(?:\(([^)]+)\))?$/;

/** Undefined for a path that is not one. Paths come from mapping files only, so the cache is as large as those are. */
export function compilePath(path: string): readonly Step[] | undefined {
  const known = compiled.get(path);
  if (known !== undefined) return known;
  const steps: Step[] = [];
  for (const text of path.split(/\.(?![^(]*\))/)) {
    const match = step.exec(text);
    if (match === null) return undefined;
    const [, name = '', list, url] = match;
    const each = list === '[*]';
    steps.push(url === undefined ? { name, list: list !== undefined, each } : { name, list: true, each, url });
  }
  compiled.set(path, steps);
  return steps;
}

/** Puts a value at a path ('' is the target itself), making what is missing on the way. An object is laid over the one that is there. */
export function putElement(target: Json, path: string, value: unknown, ifEmpty = false): void {
  if (path === '') { if (isObject(value)) Object.assign(target, value); return; }
  putSteps(target, compilePath(path) ?? [], value, ifEmpty);
}

function putSteps(target: Json, steps: readonly Step[], value: unknown, ifEmpty: boolean): void {
  let at = target;
  for (const [index, { name, list, each, url }] of steps.entries()) {
    const last = index === steps.length - 1;
    if (each && !last) {
      const items = listAt(at, name);
      if (items.length === 0) items.push({});
      for (const item of items) if (isObject(item)) putSteps(item, steps.slice(index + 1), cloneOf(value), ifEmpty);
      return;
    }
    if (url !== undefined) at = extensionOf(listAt(at, name), url);
    else if (last && list) listAt(at, name).push(value);
    else if (last) { putValue(at, name, value, ifEmpty); return; }
    else at = list ? lastOf(listAt(at, name)) : objectAt(at, name);
    if (last && url !== undefined && isObject(value)) Object.assign(at, value);
  }
}

function putValue(at: Json, name: string, value: unknown, ifEmpty: boolean): void {
  const present = at[name];
  if (isObject(present) && isObject(value)) Object.assign(present, ifEmpty ? { ...value, ...present } : value);
  else if (present === undefined || !ifEmpty) at[name] = value;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listAt(at: Json, name: string): unknown[] {
  const present = at[name];
  if (Array.isArray(present)) return present;
  const made: unknown[] = [];
  at[name] = made;
  return made;
}

function objectAt(at: Json, name: string): Json {
  const present = at[name];
  if (isObject(present)) return present;
  const made: Json = {};
  at[name] = made;
  return made;
}

function lastOf(list: unknown[]): Json {
  const last = list.at(-1);
  if (isObject(last)) return last;
  const made: Json = {};
  list.push(made);
  return made;
}

function extensionOf(list: unknown[], url: string): Json {
  const present = list.find((item): item is Json => isObject(item) && item['url'] === url);
  if (present !== undefined) return present;
  const made: Json = { url };
  list.push(made);
  return made;
}

/** A copy of plain JSON; a structured clone costs ten times as much. */
export function cloneOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => cloneOf(item)) as T; // the same list of copies
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cloneOf(part)])) as T; // the same elements
}
