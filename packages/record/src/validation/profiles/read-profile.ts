import type { ElementDefinition, StructureDefinition } from '@medplum/fhirtypes';
import { compileExpression, type Invariant } from '../invariants/compile-invariant.ts';
import type { Structure } from '../structure.ts';

export type Discriminator = { kind: 'value' | 'exists' | 'type'; path: readonly string[] };

/** What a profile asks of an element, over what FHIR itself does. */
export type ProfileNode = {
  name: string; choice: boolean; min: number; max: number;
  types: readonly { name: string; profiles: readonly string[]; targets: readonly string[] }[];
  fixed?: unknown; pattern?: unknown;
  /** A value set that is required; with its strength below that only a warning comes of it. */
  binding?: { valueSet: string; strength: 'required' | 'extensible' };
  rules: Invariant[];
  children: Map<string, ProfileNode>;
  slicing?: { discriminators: readonly Discriminator[]; closed: boolean };
  slices: Map<string, ProfileNode>;
};

export type Profile = { url: string; version: string | undefined; type: string; root: ProfileNode };
/** `warnings`: what of it can't be checked here; nothing of it is silently taken for met. */
export type ProfileRead = { profile: Profile; warnings: string[] } | { refused: string };

const maxElements = 5_000;

/** A StructureDefinition as a tree of what it asks. It brings its snapshot: differentials are not resolved here. */
export function readProfile(structure: Structure, definition: StructureDefinition): ProfileRead {
  const { url, type, version, derivation } = definition;
  const elements = definition.snapshot?.element;
  if (url === undefined || type === undefined || derivation !== 'constraint') return { refused: 'a profile constrains a type of FHIR R4 (url, type, derivation: constraint)' };
  if (elements === undefined) return { refused: 'the profile has no snapshot; generate one with the IG publisher, SUSHI or the tools of its guide, and send it with it' };
  if (structure.shape(type) === undefined) return { refused: 'the profile is of a type that FHIR R4 does not have' };
  if (elements.length > maxElements) return { refused: `the profile has more than ${maxElements} elements` };
  const warnings: string[] = [];
  let root: ProfileNode | undefined;
  for (const element of elements) {
    if (typeof element.path !== 'string') return { refused: 'an element without a path' };
    const [first, ...steps] = (element.id ?? element.path).split('.').map(stepOf);
    if (first === undefined) return { refused: 'an element without a path' };
    const at = typeAt(structure, element.path);
    const node = nodeOf(structure, element, at, steps.at(-1)?.name ?? first.name, warnings);
    if (steps.length === 0) {
      root = node;
      continue;
    }
    if (root === undefined) return { refused: 'the first element of the snapshot is not the type itself' };
    let parent = root;
    for (const { name, slice } of steps.slice(0, -1)) parent = below(parent, name, slice);
    const { name, slice } = steps.at(-1)!; // steps are not empty here
    if (slice === undefined) {
      const before = parent.children.get(name);
      parent.children.set(name, before === undefined ? node : { ...node, slices: before.slices, children: before.children });
    } else below(parent, name).slices.set(slice, node);
  }
  return root === undefined ? { refused: 'the snapshot is empty' } : { profile: { url, version, type, root }, warnings: [...new Set(warnings)] };
}

function stepOf(text: string): { name: string; slice?: string } {
  const [name = '', slice] = text.split(':');
  return { name: name.replace('[x]', ''), ...(slice === undefined ? {} : { slice }) };
}

function below(parent: ProfileNode, name: string, slice?: string): ProfileNode {
  let node = parent.children.get(name);
  if (node === undefined) parent.children.set(name, node = empty(name));
  if (slice === undefined) return node;
  let one = node.slices.get(slice);
  if (one === undefined) node.slices.set(slice, one = empty(name));
  return one;
}

const empty = (name: string): ProfileNode => ({ name, choice: false, min: 0, max: Infinity, types: [], rules: [], children: new Map(), slices: new Map() });

/** Type or shape that stands at a path of FHIR R4, for the invariants; the path's own root where it is not known. */
function typeAt(structure: Structure, path: string): string {
  let at = path.split('.')[0]!;
  for (const step of path.split('.').slice(1)) {
    const element = structure.shape(at)?.elements.get(step.replace('[x]', ''));
    at = element?.shape ?? element?.types[0]?.name ?? 'Element';
  }
  return at;
}

const targetOf = (url: string): string => url.split('/').at(-1)!.split('|')[0]!;

function nodeOf(structure: Structure, element: ElementDefinition, at: string, name: string, warnings: string[]): ProfileNode {
  const { path = '', min = 0, max, type = [], binding, constraint = [], slicing } = element;
  const value = (prefix: 'fixed' | 'pattern'): unknown => Object.entries(element).find(([key]) => key.startsWith(prefix) && /^[A-Z]/.test(key.slice(prefix.length)))?.[1];
  const [fixed, pattern] = [value('fixed'), value('pattern')];
  const discriminators = (slicing?.discriminator ?? []).map(({ type: kind, path: where }): Discriminator | undefined => {
    const plain = where === '$this' ? [] : (where ?? '').replace(/^\$this\./, '').split('.');
    return (kind === 'value' || kind === 'pattern' || kind === 'exists' || kind === 'type') && plain.every((step) => /^[A-Za-z]+$/.test(step)) ? { kind: kind === 'pattern' ? 'value' : kind, path: plain } : undefined;
  });
  const decidable = discriminators.length > 0 && discriminators.every((one) => one !== undefined);
  if (slicing !== undefined && !decidable) warnings.push(`slices of ${path} are told apart by what is not looked at here; they are not checked`);
  const rules = constraint.flatMap(({ key, expression, severity, human }): Invariant[] => {
    // FHIR's own are asked of every resource already.
    if (key === undefined || expression === undefined || structure.rule(key) !== undefined || ['ele-1', 'ext-1'].includes(key)) return [];
    try {
      return [{ key, severity: severity ?? 'error', human: human ?? '', expression, holds: compileExpression(structure, expression, at) }];
    } catch {
      warnings.push(`${key} of ${path} is not FHIRPath that is known here; it is not checked`);
      return [];
    }
  });
  const bound = binding?.valueSet !== undefined && (binding.strength === 'required' || binding.strength === 'extensible') ? { valueSet: binding.valueSet.split('|')[0]!, strength: binding.strength } : undefined;
  return {
    ...empty(name), choice: path.endsWith('[x]'), min, max: max === undefined || max === '*' ? Infinity : Number(max), rules,
    types: type.map(({ code = '', profile = [], targetProfile = [] }) => ({ name: code, profiles: profile.map((one) => one.split('|')[0]!), targets: targetProfile.map(targetOf) })),
    ...(fixed === undefined ? {} : { fixed }), ...(pattern === undefined ? {} : { pattern }), ...(bound === undefined ? {} : { binding: bound }),
    ...(slicing === undefined || !decidable ? {} : { slicing: { discriminators: discriminators as Discriminator[], closed: slicing.rules === 'closed' } }), // every one is there
  };
}
