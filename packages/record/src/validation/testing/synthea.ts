import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Bundle, Resource } from '@medplum/fhirtypes';

const folder = join(process.env['PRIMUM_DATA'] ?? new URL('../../../../../../shared/data', import.meta.url).pathname, 'synthea-r4');

/** Resources of a few Synthea patients; undefined where the data are not on this machine. */
export function syntheaResources(patients: number): Resource[] | undefined {
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder).filter((name) => name.endsWith('.json.gz')).toSorted().slice(0, patients)
    .flatMap((name) => (JSON.parse(gunzipSync(readFileSync(join(folder, name))).toString()) as Bundle).entry!.map(({ resource }) => resource!)); // Synthea's bundles
}
