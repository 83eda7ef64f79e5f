import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrimumError } from '@primum/base';
import type { CodeTable } from '@primum/record';
import { loadV2Mappings } from '../v2-to-fhir/load-tables.ts';
import type { MappingTables } from '../v2-to-fhir/rule.ts';
import { parseMappingTable, type MappingTable } from './mapping-table.ts';

/** How each kind of sender speaks, by id; `v2`: how any message becomes FHIR. */
export type Mappings = ReadonlyMap<string, MappingTable> & { readonly v2: MappingTables };

export const mappingsDirectory: string = fileURLToPath(new URL('../../mappings', import.meta.url));

/** Every mapping table of a folder, by id, and the tables of HL7 v2 with a hospital's own over them. Throws `config.invalid`. */
export async function loadMappings(codes: CodeTable, directory: string = mappingsDirectory, ownV2?: string): Promise<Mappings> {
  const mappings = new Map<string, MappingTable>();
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.json')).sort()) {
    const json: unknown = JSON.parse(await readFile(`${directory}/${name}`, 'utf8'));
    const table = parseMappingTable(json, codes);
    if (mappings.has(table.id)) throw new PrimumError('config.invalid', `${name}: ${table.id} stands twice`);
    mappings.set(table.id, table);
  }
  return Object.assign(mappings, { v2: await loadV2Mappings(ownV2) });
}
