import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrimumError } from '@primum/base';
import type { CodeTable } from '@primum/record';
import { parseMappingTable, type MappingTable } from './mapping-table.ts';

export type Mappings = ReadonlyMap<string, MappingTable>;

export const mappingsDirectory: string = fileURLToPath(new URL('../../mappings', import.meta.url));

/** Every mapping table of a folder, by id. Throws `config.invalid`. */
export async function loadMappings(codes: CodeTable, directory: string = mappingsDirectory): Promise<Mappings> {
  const mappings = new Map<string, MappingTable>();
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.json')).sort()) {
    const json: unknown = JSON.parse(await readFile(`${directory}/${name}`, 'utf8'));
    const table = parseMappingTable(json, codes);
    if (mappings.has(table.id)) throw new PrimumError('config.invalid', `${name}: ${table.id} stands twice`);
    mappings.set(table.id, table);
  }
  return mappings;
}
