import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrimumError } from '@primum/base';
import { checkTables } from './check-tables.ts';
import { isObject, type Json } from './element-path.ts';
import type { ConceptMap, DatatypeMap, DetailMap, KeptRule, MappingTables, MessageMap, SegmentMap } from './rule.ts';

/** The mapping files of this package. */
export const v2MappingsDirectory: string = fileURLToPath(new URL('../../mappings/v2', import.meta.url));

/**
 * Reads the mapping tables, and a hospital's own over them (`<home>/mappings/v2`): there a file of the same name holds
 * only what differs. A rule with a known id takes its place, one with `"drop": true` takes it away, any other is added;
 * concept maps are merged code by code, `kept.json` type by type. Throws `config.invalid` with file and rule.
 */
export async function loadV2Mappings(own?: string): Promise<MappingTables> {
  const files = await readFolders(v2MappingsDirectory);
  const ownFiles = own === undefined ? [] : [...await readFolders(own)];
  for (const [path, json] of ownFiles) files.set(path, merged(files.get(path), json, path));
  const of = <T>(folder: string, key: string): Map<string, T> => {
    // checkTables is what makes this cast true: it throws on whatever isn't of the shape.
    const members = [...files].filter(([path]) => path.startsWith(`${folder}/`)).map(([, json]): [string, T] => [String(json[key]), json as T]);
    return new Map(members);
  };
  const { messages, details } = files.get('messages.json') ?? {};
  const tables: MappingTables = {
    segments: of<SegmentMap>('segments', 'segment'), datatypes: of<DatatypeMap>('datatypes', 'datatype'), concepts: of<ConceptMap>('concepts', 'map'),
    messages: Array.isArray(messages) ? messages as MessageMap[] : [], // checked below, as above
    details: Array.isArray(details) ? details as DetailMap[] : [],
    kept: new Map(Object.entries(files.get('kept.json')?.['resources'] ?? {}) as [string, KeptRule][]),
    ownRows: ownFiles.length > 0,
  };
  checkTables(tables);
  return tables;
}

const folders = ['segments', 'datatypes', 'concepts'];

async function readFolders(directory: string): Promise<Map<string, Json>> {
  const files = new Map<string, Json>();
  for (const folder of folders) {
    for (const name of (await namesIn(join(directory, folder))).filter((file) => file.endsWith('.json')).sort()) {
      files.set(`${folder}/${name}`, await readJson(join(directory, folder, name), `${folder}/${name}`));
    }
  }
  const names = await namesIn(directory);
  for (const name of ['messages.json', 'kept.json']) if (names.includes(name)) files.set(name, await readJson(join(directory, name), name));
  return files;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch {
    return [];
  }
}

async function readJson(path: string, name: string): Promise<Json> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isObject(json)) return json;
  } catch {
    throw new PrimumError('config.invalid', `mappings/v2/${name}: not JSON`);
  }
  throw new PrimumError('config.invalid', `mappings/v2/${name}: not an object`);
}

function merged(base: Json | undefined, own: Json, path: string): Json {
  if (base === undefined) return own;
  const result: Json = { ...base, ...own };
  for (const list of ['rules', 'opens', 'levels']) {
    const [known, changed] = [base[list], own[list]];
    if (changed === undefined) continue;
    if (!Array.isArray(changed) || !changed.every(isObject)) throw new PrimumError('config.invalid', `mappings/v2/${path}: ${list}`);
    result[list] = mergedById(Array.isArray(known) ? known.filter(isObject) : [], changed);
  }
  for (const list of ['codes', 'resources']) if (isObject(base[list]) && isObject(own[list])) result[list] = { ...base[list], ...own[list] };
  return result;
}

function mergedById(known: readonly Json[], changed: readonly Json[]): Json[] {
  const byId = new Map(changed.map((rule) => [rule['id'], rule]));
  const kept = known.map((rule) => byId.get(rule['id']) ?? rule);
  const added = changed.filter((rule) => !known.some(({ id }) => id === rule['id']));
  return [...kept, ...added].filter((rule) => rule['drop'] !== true);
}
