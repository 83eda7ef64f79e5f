import { compileInvariant, type Invariant } from './invariants/compile-invariant.ts';
import { primitiveChecks } from './primitives.ts';
import { checkReference, type References } from './references.ts';
import { enough, limits, report, reportAt, safeName, type Run } from './issue.ts';
import { keysOf, type Element, type Shape, type Structure } from './structure.ts';

/** A value, which is not null; says what is wrong with it by `report`. */
type Check = (value: unknown, run: Run) => void;
type Property = {
  /** As FHIRPath names it: of a choice without its type. */
  label: string;
  many: boolean; max: number;
  primitive: boolean;
  check: Check;
  /** Bit of the choice that it belongs to; 0 where to none. */
  choice: number;
  rules: readonly Invariant[];
};
/** A shape made ready: filled at its first use, so that shapes may stand in each other. */
type Compiled = { name: string; properties: Map<string, Property>; required: readonly { label: string; keys: readonly string[] }[]; rules: readonly Invariant[]; isExtension: boolean; isResource: boolean; filled: boolean };

export type ShapeChecks = {
  /** Null where the type is not known. */
  checkResource(value: unknown, run: Run): void;
  known(type: string): boolean;
};

/** FHIR's own rules as one interpreter over compiled shapes. Nothing is allocated on the way of a valid resource but what rules need. */
export function compileShapes(structure: Structure): ShapeChecks {
  const made = new Map<string, Compiled>();
  const sets = new Map<string, ReadonlySet<string>>();

  const compiledOf = (name: string): Compiled => {
    let one = made.get(name);
    if (one === undefined) made.set(name, one = { name, properties: new Map(), required: [], rules: [], isExtension: name === 'Extension', isResource: structure.shape(name)?.resource === true, filled: false });
    return one;
  };
  const codesOf = (valueSet: string): ReadonlySet<string> | undefined => {
    const listed = structure.codes(valueSet);
    if (listed === undefined) return undefined;
    let set = sets.get(valueSet);
    // Codes alone, for `code`; and with their systems.
    if (set === undefined) sets.set(valueSet, set = new Set(Object.entries(listed).flatMap(([system, codes]) => codes.flatMap((code) => [code, `${system}|${code}`]))));
    return set;
  };

  const fill = (into: Compiled): Compiled => {
    const shape = structure.shape(into.name)!; // only names of shapes are asked for
    let bit = 1;
    const required: { label: string; keys: string[] }[] = [];
    for (const element of shape.elements.values()) {
      const own = element.choice ? bit : 0;
      if (element.choice) bit *= 2;
      const keys = element.shape === undefined ? keysOf(element) : [{ key: element.name, type: element.shape, targets: [] }];
      for (const { key, type, targets } of keys) into.properties.set(key, propertyOf(shape, element, own, type, targets));
      if (element.min > 0) required.push({ label: element.name, keys: keys.flatMap(({ key }) => [key, `_${key}`]) });
    }
    into.required = required;
    into.rules = rulesOf(shape.rules, into.name);
    into.filled = true;
    return into;
  };

  const rulesOf = (keys: readonly string[], type: string): Invariant[] => keys.map((key) => compileInvariant(structure, key, structure.rule(key)!, type)); // the table holds every rule that it names

  const propertyOf = (shape: Shape, element: Element, choice: number, type: string, targets: readonly string[]): Property => {
    const primitive = structure.shape(type) === undefined;
    return {
      label: element.name, many: element.max > 1, max: element.max, primitive, choice,
      // Resource.id is a string in its definition and an id by its text.
      check: primitive ? primitiveOf(shape.resource && element.name === 'id' ? 'id' : type, element.binding) : complexOf(type, targets, element.binding),
      rules: rulesOf(element.rules, type),
    };
  };

  const primitiveOf = (type: string, binding: string | undefined): Check => {
    const valid = primitiveChecks[type];
    if (valid === undefined) throw new Error(`no check of ${type}`);
    const codes = binding === undefined ? undefined : codesOf(binding);
    return (value, run) => {
      if (!valid(value)) report(run, 'value', typeof value === 'object' ? `not a ${type}` : `not a valid ${type}`);
      else if (codes !== undefined && !codes.has(value as string)) report(run, 'code-invalid', `not a code of ${binding}`); // a code is a string
    };
  };

  const complexOf = (type: string, targets: readonly string[], binding: string | undefined): Check => {
    if (type === 'Resource') return (value, run) => { nested(value, run); };
    const shape = compiledOf(type);
    const codes = binding === undefined ? undefined : codesOf(binding);
    if (type === 'Reference') {
      const allowed = targets.length === 0 ? null : new Set(targets);
      return (value, run) => {
        checkObject(shape, value, run);
        checkReference(value, allowed, run, references);
      };
    }
    if (codes === undefined) return (value, run) => { checkObject(shape, value, run); };
    return (value, run) => {
      checkObject(shape, value, run);
      const { coding, system, code } = value as { coding?: unknown; system?: unknown; code?: unknown };
      const codings = type === 'CodeableConcept' ? (Array.isArray(coding) ? coding as unknown[] : []) : [{ system, code }];
      const within = codings.some((one) => typeof one === 'object' && one !== null && codes.has(`${String((one as { system?: unknown }).system)}|${String((one as { code?: unknown }).code)}`));
      if (!within && (value as { extension?: unknown }).extension === undefined) report(run, 'code-invalid', `no code of ${binding}`);
    };
  };

  const references: References = { known: (type) => structure.shape(type)?.resource === true };

  const nested = (value: unknown, run: Run): void => {
    const { resource, rootResource } = run;
    const contained = run.path.at(-2) === 'contained';
    if (isFields(value)) {
      run.resource = value;
      if (!contained) run.rootResource = value;
    }
    checkResource(value, run);
    run.resource = resource;
    run.rootResource = rootResource;
  };

  const checkResource = (value: unknown, run: Run): void => {
    if (!isFields(value)) return report(run, 'structure', 'a resource is an object');
    const type = value['resourceType'];
    if (typeof type !== 'string') return reportAt(run, 'resourceType', 'required', 'resourceType is missing');
    const shape = structure.shape(type);
    if (shape === undefined || !shape.resource || shape.abstract) return reportAt(run, 'resourceType', 'value', 'not a resource type of FHIR R4');
    if (run.path.length === 0) {
      run.path.push(type);
      checkObject(compiledOf(type), value, run);
      run.path.pop();
    } else checkObject(compiledOf(type), value, run);
  };

  const checkObject = (shape: Compiled, value: unknown, run: Run): void => {
    if (!shape.filled) fill(shape);
    if (!isFields(value)) return report(run, 'structure', 'an object is asked for');
    run.nodes += 1;
    run.depth += 1;
    if (run.depth > limits.depth || run.nodes > limits.nodes) {
      report(run, 'too-costly', run.depth > limits.depth ? `deeper than ${limits.depth} levels` : `more than ${limits.nodes} elements`);
      throw enough;
    }
    let choices = 0;
    let filled = 0;
    const { path } = run;
    for (const key in value) {
      const content = value[key];
      if (content === undefined) continue;
      const property = shape.properties.get(key);
      if (property === undefined) {
        if (shape.isResource && key === 'resourceType') continue;
        filled += 1;
        besides(shape, value, key, content, run);
        continue;
      }
      if (key !== 'id') filled += 1;
      path.push(property.label);
      if (property.choice !== 0) {
        if ((choices & property.choice) !== 0) report(run, 'structure', 'a choice of types holds several');
        choices |= property.choice;
      }
      if (content === null) report(run, 'structure', 'null');
      else if (property.max === 0) report(run, 'structure', 'not allowed here');
      else if (property.many) checkMany(property, value, key, content, run);
      else if (Array.isArray(content)) report(run, 'structure', 'a list where one is asked for');
      else {
        property.check(content, run);
        if (property.rules.length > 0) checkRules(property.rules, content, run);
      }
      path.pop();
    }
    if (filled === 0 && !shape.isResource) report(run, 'invariant', 'ele-1: an element has a value or children');
    for (const { label, keys } of shape.required) if (!keys.some((key) => value[key] !== undefined)) reportAt(run, label, 'required', 'is required');
    if (shape.isExtension) {
      const extended = value['extension'] !== undefined;
      if (extended === (choices !== 0)) report(run, 'extension', extended ? 'ext-1: an extension has a value or extensions, not both' : 'ext-1: an extension has a value or extensions');
    }
    if (shape.rules.length > 0) checkRules(shape.rules, value, run);
    run.depth -= 1;
  };

  const checkMany = (property: Property, value: Record<string, unknown>, key: string, content: unknown, run: Run): void => {
    if (!Array.isArray(content)) return report(run, 'structure', 'a list is asked for');
    if (content.length === 0) return report(run, 'structure', 'an empty list');
    if (content.length > property.max) report(run, 'structure', `more than ${property.max}`);
    for (let n = 0; n < content.length; n += 1) {
      const one: unknown = content[n];
      run.path.push(n);
      if (one === null || one === undefined) {
        const beside = property.primitive ? value[`_${key}`] : undefined;
        if (!Array.isArray(beside) || beside[n] === null || beside[n] === undefined) report(run, 'structure', 'null');
      } else {
        property.check(one, run);
        if (property.rules.length > 0) checkRules(property.rules, one, run);
      }
      run.path.pop();
    }
  };

  /** What stands beside a primitive value: its id and extensions, under its name with a low line (FHIR R4, json.html). */
  const besides = (shape: Compiled, value: Record<string, unknown>, key: string, content: unknown, run: Run): void => {
    const property = key.startsWith('_') ? shape.properties.get(key.slice(1)) : undefined;
    if (property === undefined || !property.primitive) return reportAt(run, safeName(key), 'structure', 'not an element of this type');
    const element = compiledOf('Element');
    run.path.push(property.label);
    if (!property.many) {
      if (value[key.slice(1)] === undefined && property.choice !== 0 && isFields(content) && otherChoice(shape, property, value, key.slice(1))) report(run, 'structure', 'a choice of types holds several');
      checkObject(element, content, run);
    } else if (!Array.isArray(content)) report(run, 'structure', 'a list is asked for');
    else {
      const values = value[key.slice(1)];
      if (Array.isArray(values) && values.length !== content.length) report(run, 'structure', 'values and their extensions are as many');
      content.forEach((one: unknown, n) => {
        run.path.push(n);
        if (one !== null) checkObject(element, one, run);
        else if (!Array.isArray(values)) report(run, 'structure', 'null');
        run.path.pop();
      });
    }
    run.path.pop();
  };

  const otherChoice = (shape: Compiled, { choice }: Property, value: Record<string, unknown>, own: string): boolean =>
    Object.keys(value).some((key) => key !== own && key !== `_${own}` && shape.properties.get(key.replace(/^_/, ''))?.choice === choice);

  return { checkResource, known: (type) => structure.shape(type)?.resource === true && structure.shape(type)?.abstract === false };
}

function checkRules(rules: readonly Invariant[], value: unknown, run: Run): void {
  for (const rule of rules) {
    if (rule.best === true && !run.best) continue;
    if (rule.holds(value, { resource: run.resource, rootResource: run.rootResource, context: value }) === false) report(run, 'invariant', `${rule.key}: ${rule.human}`, rule.severity);
  }
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
