import { sameValue } from '../invariants/compare.ts';
import { enough, limits, report, reportAt, type Run } from '../issue.ts';
import type { Discriminator, Profile, ProfileNode } from './read-profile.ts';

type Fields = Record<string, unknown>;

/** `profile`: one that is loaded. `codes`: of a value set as `system|code`; undefined where it can't be told. `known`: a type of FHIR. */
export type ProfileDeps = { profile(url: string): Profile | undefined; codes(valueSet: string): ReadonlySet<string> | undefined };

/** Asks a profile of a value that stands at the run's place: cardinality, types, values, bindings, rules and slices. */
export function checkProfile(deps: ProfileDeps, profile: Profile, value: unknown, run: Run): void {
  checkNode(deps, profile.root, value, run);
}

function checkNode(deps: ProfileDeps, node: ProfileNode, value: unknown, run: Run): void {
  run.depth += 1;
  run.nodes += 1;
  if (run.depth > limits.depth || run.nodes > limits.nodes) {
    report(run, 'too-costly', 'deeper or larger than profiles are looked at');
    throw enough;
  }
  if (node.fixed !== undefined && !sameValue(value, node.fixed)) report(run, 'value', 'not the value that the profile fixes');
  if (node.pattern !== undefined && !fits(value, node.pattern)) report(run, 'value', "not of the profile's pattern");
  if (node.binding !== undefined) checkBinding(deps, node.binding, value, run);
  for (const rule of node.rules) {
    if (rule.holds(value, { resource: run.resource, rootResource: run.rootResource, context: value }) === false) report(run, 'invariant', `${rule.key}: ${rule.human}`, rule.severity);
  }
  for (const child of node.children.values()) checkChild(deps, child, value, run);
  run.depth -= 1;
}

type Item = { value: unknown; type: string; at: number | null };

function checkChild(deps: ProfileDeps, node: ProfileNode, of: unknown, run: Run): void {
  if (typeof of !== 'object' || of === null) return;
  const items = itemsOf(of as Fields, node);
  if (items.length < node.min) reportAt(run, node.name, 'required', node.min === 1 ? 'is required by the profile' : `the profile asks for ${node.min}`);
  if (items.length > node.max) reportAt(run, node.name, 'structure', node.max === 0 ? 'not allowed by the profile' : `the profile allows ${node.max}`);
  const counts = new Map<string, number>();
  for (const item of items) within(run, node.name, item, () => {
    checkType(deps, node, item, run);
    checkNode(deps, node, item.value, run);
    if (node.slicing === undefined) {
      // Slices of a choice may be told apart by their types alone.
      if (node.choice) for (const [name, slice] of node.slices) if (slice.types.some((type) => type.name === item.type)) countedIn(deps, name, slice, item, counts, run);
      return;
    }
    const found = [...node.slices].find(([, slice]) => node.slicing!.discriminators.every((one) => belongs(deps, slice, one, item)));
    if (found !== undefined) countedIn(deps, found[0], found[1], item, counts, run);
    else if (node.slicing.closed) report(run, 'structure', 'in none of the slices of the profile');
  });
  if (node.slicing === undefined && !node.choice) return;
  for (const [name, { min, max }] of node.slices) {
    const count = counts.get(name) ?? 0;
    if (count < min) reportAt(run, node.name, 'required', `the profile asks for ${min} of its slice ${name}`);
    if (count > max) reportAt(run, node.name, 'structure', `the profile allows ${max} of its slice ${name}`);
  }
}

function countedIn(deps: ProfileDeps, name: string, slice: ProfileNode, item: Item, counts: Map<string, number>, run: Run): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
  checkType(deps, slice, item, run);
  checkNode(deps, slice, item.value, run);
}

function within(run: Run, name: string, { at }: Item, inside: () => void): void {
  run.path.push(name);
  if (at !== null) run.path.push(at);
  inside();
  if (at !== null) run.path.pop();
  run.path.pop();
}

/** Values of an element, under whichever property of a choice they stand. A primitive without one is its extensions. */
function itemsOf(of: Fields, { name, choice, types }: ProfileNode): Item[] {
  if (!choice) return valuesOf(of, name, types[0]?.name ?? '');
  const pattern = new RegExp(`^_?${name}([A-Z][A-Za-z0-9]*)$`);
  const keys = new Set(Object.keys(of).filter((key) => pattern.test(key)).map((key) => key.replace(/^_/, '')));
  return [...keys].flatMap((key) => {
    const said = key.slice(name.length);
    return valuesOf(of, key, types.find((type) => type.name.toLowerCase() === said.toLowerCase())?.name ?? said);
  });
}

function valuesOf(of: Fields, key: string, type: string): Item[] {
  const value = of[key] ?? of[`_${key}`];
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map((one: unknown, at) => ({ value: one, type, at })) : [{ value, type, at: null }];
}

function checkType(deps: ProfileDeps, { types, choice }: ProfileNode, { value, type }: Item, run: Run): void {
  if (types.length === 0) return;
  if (choice && !types.some(({ name }) => name === type)) return report(run, 'structure', 'of a type that the profile does not allow');
  const said = types.find(({ name }) => name === type) ?? types[0]!;
  const reference = (value as { reference?: unknown } | null)?.reference;
  if (said.name === 'Reference' && said.targets.length > 0 && typeof reference === 'string') {
    const target = /(?:^|\/)([A-Z][A-Za-z]+)\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/.*)?$/.exec(reference)?.[1];
    // A profile's target is a profile again: the type that it ends with is all that is asked, where it is a plain name.
    const plain = said.targets.filter((one) => /^[A-Z][A-Za-z]+$/.test(one));
    if (target !== undefined && plain.length === said.targets.length && !plain.includes('Resource') && !plain.includes(target)) report(run, 'value', 'refers to a type that the profile does not allow');
  }
  const own = said.profiles.map((url) => deps.profile(url)).filter((one) => one !== undefined);
  if (own.length === 1) checkProfile(deps, own[0]!, value, run);
}

function checkBinding({ codes }: ProfileDeps, { valueSet, strength }: NonNullable<ProfileNode['binding']>, value: unknown, run: Run): void {
  const listed = codes(valueSet);
  // What can't be told is said where somebody asks ($validate), and holds up no write.
  if (listed === undefined && run.best && strength === 'required') report(run, 'not-supported', `whether it is in ${valueSet} can't be told here`, 'warning');
  if (listed === undefined || value === null) return;
  const isIn = (system: unknown, code: unknown): boolean => listed.has(`${String(system)}|${String(code)}`);
  const { coding, system, code, extension } = (typeof value === 'object' ? value : {}) as { coding?: unknown; system?: unknown; code?: unknown; extension?: unknown };
  const met = typeof value === 'string' ? listed.has(value)
    : Array.isArray(coding) ? coding.some((one: { system?: unknown; code?: unknown } | null) => isIn(one?.system, one?.code))
    : code !== undefined ? isIn(system, code)
    : extension !== undefined || strength === 'extensible';
  if (!met) report(run, 'code-invalid', `not of the value set that the profile binds (${valueSet})`, strength === 'required' ? 'error' : 'warning');
}

/** Whether an item belongs to a slice by one of its discriminators (FHIR R4, profiling.html#discriminator). */
function belongs(deps: ProfileDeps, slice: ProfileNode, { kind, path }: Discriminator, item: Item): boolean {
  if (kind === 'type') {
    const node = path.length === 0 ? slice : nodeAt(slice, path);
    const type = path.length === 0 ? (item.value as { resourceType?: unknown } | null)?.resourceType ?? item.type : undefined;
    return node !== undefined && (type === undefined ? valuesAt(item.value, path).some((one) => node.types.some(({ name }) => name === (one as { resourceType?: unknown } | null)?.resourceType)) : node.types.some(({ name }) => name === type));
  }
  if (kind === 'exists') {
    const there = valuesAt(item.value, path).length > 0;
    const node = nodeAt(slice, path);
    return node === undefined || node.max === 0 ? !there : node.min > 0 ? there : true;
  }
  const asked = askedAt(slice, path);
  if (asked === undefined) {
    // An extension's slice is that of its profile's URL.
    const [url] = slice.types[0]?.profiles ?? [];
    return path.join('.') === 'url' && url !== undefined && (item.value as { url?: unknown } | null)?.url === url;
  }
  return valuesAt(item.value, path).some((one) => asked(one, deps));
}

function nodeAt(node: ProfileNode, path: readonly string[]): ProfileNode | undefined {
  return path.reduce<ProfileNode | undefined>((at, step) => at?.children.get(step), node);
}

/** What a slice asks of the value at a path: of the element itself, or of one above that fixes more. */
function askedAt(node: ProfileNode, path: readonly string[]): ((value: unknown, deps: ProfileDeps) => boolean) | undefined {
  const { fixed, pattern, binding } = node;
  if (fixed !== undefined || pattern !== undefined) {
    const wanted = path.length === 0 ? [fixed ?? pattern] : valuesAt(fixed ?? pattern, path);
    if (wanted.length > 0) return (value) => wanted.some((one) => fits(value, one));
  }
  if (path.length === 0) {
    if (binding?.strength !== 'required') return node.slices.size === 0 ? undefined : [...node.slices.values()].map((one) => askedAt(one, path)).find((one) => one !== undefined);
    return (value, { codes }) => {
      const listed = codes(binding.valueSet);
      const codings = Array.isArray((value as { coding?: unknown } | null)?.coding) ? (value as { coding: unknown[] }).coding : [value];
      return listed !== undefined && codings.some((one) => (typeof one === 'string' ? listed.has(one) : listed.has(`${String((one as Fields | null)?.['system'])}|${String((one as Fields | null)?.['code'])}`)));
    };
  }
  const child = node.children.get(path[0]!);
  if (child === undefined) return undefined;
  const own = askedAt(child, path.slice(1));
  if (own !== undefined) return own;
  return [...child.slices.values()].map((one) => askedAt(one, path.slice(1))).find((one) => one !== undefined);
}

function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  const [step, ...rest] = path;
  if (step === undefined) return value === undefined || value === null ? [] : [value];
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Fields;
  const key = fields[step] !== undefined ? step : Object.keys(fields).find((name) => new RegExp(`^${step}[A-Z]`).test(name)) ?? step;
  const inner = fields[key];
  return (Array.isArray(inner) ? inner : [inner]).flatMap((one) => valuesAt(one, rest));
}

/** Whether a value holds all that a pattern does; of its lists any item may hold each (ElementDefinition.pattern[x]). */
function fits(value: unknown, pattern: unknown): boolean {
  if (Array.isArray(pattern)) return Array.isArray(value) && pattern.every((one) => value.some((item) => fits(item, one)));
  if (typeof pattern === 'object' && pattern !== null) return typeof value === 'object' && value !== null && Object.entries(pattern).every(([key, one]) => fits((value as Fields)[key], one));
  return value === pattern;
}
