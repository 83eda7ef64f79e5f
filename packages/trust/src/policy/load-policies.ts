import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  policySetTextToParts, policyToJson, preparsePolicySet, preparseSchema, schemaToJson, validate, type DetailedError, type PolicyJson, type Schema,
} from '@cedar-policy/cedar-wasm/nodejs';
import { PrimumError } from '@primum/base';
import { authorities, isPurpose, type Purpose } from '../access/principal.ts';
import { outsideFragment } from './fragment.ts';

/** One policy as it stands in its file. */
export type LoadedPolicy = {
  id: string;
  effect: 'permit' | 'forbid';
  /** `FILE:LINE`. */
  place: string;
  /** The comment above it. */
  comment: string;
  text: string;
  json: PolicyJson;
  /** `@purpose`: what is done by this policy alone is on the log under this purpose. */
  purpose?: Purpose;
};

export type LoadedPolicies = {
  /** Digest of schema and policies. */
  epoch: string;
  policies: ReadonlyMap<string, LoadedPolicy>;
  /** As Cedar takes them, by id. */
  set: Record<string, PolicyJson>;
  /** Cedar text; it says which groups an action is in. */
  schema: string;
};

/** The policies that ship with Primum. */
export const shippedPolicies = fileURLToPath(new URL('../../../../policies/', import.meta.url));

type PolicyFile = { name: string; text: string };

/**
 * Reads `*.cedar` of the shipped folder and of others (a home's own), and refuses the whole set, naming file, line and
 * policy, where one does not parse, has no id or another's, does not hold against the schema (strictly), or could not
 * be compiled to a row filter. Throws policy.invalid.
 */
export function loadPolicies(folders: readonly string[] = []): LoadedPolicies {
  const schema = readFileSync(join(shippedPolicies, 'schema.cedarschema'), 'utf8');
  const files = [shippedPolicies, ...folders.filter((folder) => existsSync(folder))].flatMap((folder) =>
    readdirSync(folder).filter((name) => name.endsWith('.cedar')).sort().map((name): PolicyFile => ({ name: basename(name), text: readFileSync(join(folder, name), 'utf8') })));
  return parsePolicies(schema, files);
}

export function parsePolicies(schema: string, files: readonly PolicyFile[]): LoadedPolicies {
  checkActions(schema);
  const policies = new Map<string, LoadedPolicy>();
  for (const file of files) {
    for (const policy of policiesOf(file)) {
      if (policies.has(policy.id)) throw invalid(`${policy.place}: the id ${policy.id} stands at ${policies.get(policy.id)!.place} too`);
      policies.set(policy.id, policy);
    }
  }
  const set = Object.fromEntries([...policies].map(([id, { json }]) => [id, json]));
  const answer = validate({ schema, policies: { staticPolicies: set }, validationSettings: { mode: 'strict' } });
  if (answer.type === 'failure') throw invalid(`schema.cedarschema: ${textOf(answer.errors)}`);
  const [wrong] = [...answer.validationErrors, ...answer.validationWarnings];
  if (wrong !== undefined) throw invalid(`${policies.get(wrong.policyId)?.place ?? ''}: ${wrong.policyId}: ${wrong.error.message}`);
  for (const { id, place, json } of policies.values()) {
    const why = outsideFragment(json);
    if (why !== null) throw invalid(`${place}: ${id}: ${why}`);
  }
  const epoch = hash('sha256', JSON.stringify([schema, set]), 'hex').slice(0, 16);
  for (const parsed of [preparsePolicySet(epoch, { staticPolicies: set }), preparseSchema(epoch, schema)]) {
    if (parsed.type === 'failure') throw invalid(textOf(parsed.errors));
  }
  return { epoch, policies, set, schema };
}

function policiesOf({ name, text }: PolicyFile): LoadedPolicy[] {
  const parts = policySetTextToParts(text);
  if (parts.type === 'failure') throw invalid(`${name}:${lineAt(text, parts.errors[0]?.sourceLocations?.[0]?.start ?? 0)}: ${textOf(parts.errors)}`);
  if (parts.policy_templates.length > 0) throw invalid(`${name}: templates are not used here`);
  return parts.policies.map((part): LoadedPolicy => {
    const start = text.indexOf(part);
    const place = `${name}:${lineAt(text, start)}`;
    const answer = policyToJson(part);
    if (answer.type === 'failure') throw invalid(`${place}: ${textOf(answer.errors)}`);
    const { id = '', purpose } = answer.json.annotations ?? {};
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(id)) throw invalid(`${place}: a policy has an @id of small letters, digits and dashes`);
    if (purpose !== undefined && !isPurpose(purpose)) throw invalid(`${place}: ${id}: @purpose is no purpose of use`);
    return { id, effect: answer.json.effect, place, comment: commentAbove(text, start), text: part, json: answer.json, ...(purpose === undefined ? {} : { purpose }) };
  }).toSorted((a, b) => text.indexOf(a.text) - text.indexOf(b.text));
}

/** The schema speaks of exactly the authorities that there are (its other actions are groups). */
function checkActions(schema: Schema): void {
  const answer = schemaToJson(schema);
  if (answer.type === 'failure') throw invalid(`schema.cedarschema: ${textOf(answer.errors)}`);
  const actions = Object.entries(answer.json['']?.actions ?? {}).filter(([, { appliesTo }]) => (appliesTo?.principalTypes.length ?? 0) > 0).map(([name]) => name);
  const missing = authorities.filter((name) => !actions.includes(name));
  const unknown = actions.filter((name) => !(authorities as readonly string[]).includes(name));
  if (missing.length + unknown.length > 0) throw invalid(`schema.cedarschema: actions missing: ${missing.join(' ') || 'none'}; unknown: ${unknown.join(' ') || 'none'}`);
}

function commentAbove(text: string, start: number): string {
  const lines = text.slice(0, start).split('\n').slice(0, -1);
  const comment: string[] = [];
  for (let line = lines.pop(); line !== undefined && line.startsWith('//'); line = lines.pop()) comment.unshift(line.replace(/^\/\/ ?/, ''));
  return comment.join(' ');
}

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;
const textOf = (errors: readonly DetailedError[]): string => errors.map(({ message }) => message).slice(0, 3).join('; ');
const invalid = (detail: string): PrimumError => new PrimumError('policy.invalid', detail);
