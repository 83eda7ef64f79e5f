import { PrimumError } from '@primum/base';
import { constantValue } from './compile-path.ts';

/** SQL on FHIR v2 (build.fhir.org/ig/FHIR/sql-on-fhir-v2), StructureDefinition-ViewDefinition: the parts that decide rows. */
export type ViewDefinition = {
  resource: string;
  constants: ReadonlyMap<string, unknown>;
  where: readonly string[];
  select: readonly ViewSelect[];
};
export type ViewColumn = { name: string; path: string; type?: string; collection: boolean };
export type ViewSelect = {
  columns: readonly ViewColumn[];
  iterate: { kind: 'none' } | { kind: 'forEach' | 'forEachOrNull'; path: string } | { kind: 'repeat'; paths: readonly string[] };
  select: readonly ViewSelect[];
  unionAll: readonly ViewSelect[];
};

const maxDepth = 20;
const namePattern = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Reads the JSON of a ViewDefinition. Throws view.invalid, with the place in its detail. */
export function parseViewDefinition(json: unknown): ViewDefinition {
  const view = objectOf(json, 'ViewDefinition');
  return {
    resource: textOf(view['resource'], 'resource'),
    constants: new Map(listOf(view['constant'], 'constant').map((constant, i) => constantOf(constant, `constant[${i}]`))),
    where: listOf(view['where'], 'where').map((where, i) => textOf(objectOf(where, `where[${i}]`)['path'], `where[${i}].path`)),
    select: selectsOf(view['select'], 'select', 0, true),
  };
}

function selectsOf(json: unknown, at: string, depth: number, required = false): ViewSelect[] {
  if (depth > maxDepth) throw invalid(`${at} is nested too deeply`);
  const list = listOf(json, at);
  if (required && list.length === 0) throw invalid(`${at} is empty`);
  return list.map((item, i) => selectOf(item, `${at}[${i}]`, depth + 1));
}

function selectOf(json: unknown, at: string, depth: number): ViewSelect {
  const select = objectOf(json, at);
  const iterations = (['forEach', 'forEachOrNull', 'repeat'] as const).filter((key) => select[key] !== undefined);
  if (iterations.length > 1) throw invalid(`${at} has ${iterations.join(' and ')}`);
  const [kind] = iterations;
  return {
    columns: listOf(select['column'], `${at}.column`).map((column, i) => columnOf(column, `${at}.column[${i}]`)),
    iterate: kind === undefined ? { kind: 'none' }
      : kind === 'repeat' ? { kind, paths: listOf(select['repeat'], `${at}.repeat`).map((path, i) => textOf(path, `${at}.repeat[${i}]`)) }
      : { kind, path: textOf(select[kind], `${at}.${kind}`) },
    select: selectsOf(select['select'], `${at}.select`, depth),
    unionAll: selectsOf(select['unionAll'], `${at}.unionAll`, depth),
  };
}

function columnOf(json: unknown, at: string): ViewColumn {
  const column = objectOf(json, at);
  const name = textOf(column['name'], `${at}.name`);
  if (!namePattern.test(name)) throw invalid(`${at}.name is no column name`);
  const type = column['type'];
  return { name, path: textOf(column['path'], `${at}.path`), collection: column['collection'] === true, ...(typeof type === 'string' ? { type } : {}) };
}

function constantOf(json: unknown, at: string): [string, unknown] {
  const constant = objectOf(json, at);
  const name = textOf(constant['name'], `${at}.name`);
  const values = Object.keys(constant).filter((key) => key.startsWith('value'));
  if (!namePattern.test(name) || values.length !== 1) throw invalid(`${at} needs a name and one value`);
  return [name, constantValue(values[0]!, constant[values[0]!])];
}

function objectOf(json: unknown, at: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(`${at} is no object`);
  return json as Record<string, unknown>; // checked just before
}

function listOf(json: unknown, at: string): unknown[] {
  if (json === undefined) return [];
  if (!Array.isArray(json)) throw invalid(`${at} is no list`);
  return json;
}

function textOf(json: unknown, at: string): string {
  if (typeof json !== 'string' || json === '') throw invalid(`${at} is missing or no text`);
  return json;
}

function invalid(detail: string): PrimumError {
  return new PrimumError('view.invalid', detail);
}
