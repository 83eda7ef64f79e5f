import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const data = process.env['PRIMUM_DATA'] ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'data');
const perType = 20;

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** Resources of Synthea's patients, at most 20 a type and file, in one order always. */
export function syntheaResources(files: number): JsonObject[] {
  const folder = join(data, 'synthea-r4');
  return readdirSync(folder).filter((name) => name.endsWith('.json.gz')).toSorted().slice(0, files).flatMap((name) => {
    const { entry } = JSON.parse(gunzipSync(readFileSync(join(folder, name))).toString()) as { entry: { resource: JsonObject }[] }; // Bundles, all of them
    return [...Map.groupBy(entry.map(({ resource }) => resource), ({ resourceType }) => resourceType).values()].flatMap((own) => own.slice(0, perType));
  });
}
