import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Bundle, Patient, Resource } from '@medplum/fhirtypes';
import { patientIdOf, writeVersions, type SearchIndex } from '@primum/record';
import type { Core } from '../../apps/primum/src/core.ts';
import { tenant } from '../../apps/primum/src/core.ts';

/** One of the patients that were loaded, with what a search may look for. */
export type LoadedPatient = { id: string; family: string; birthDate: string; identifier: { system: string; value: string } };
export type Loaded = { resources: number; patients: LoadedPatient[]; seconds: number };

const syllables = ['ba', 'den', 'fi', 'gor', 'hul', 'ka', 'lem', 'mo', 'ner', 'pi', 'ros', 'sta', 'tu', 'vol', 'win', 'zel'];

/**
 * Puts Synthea's Bundles into the record under new identities until there are `resources`: rows go straight through
 * `writeVersions`, sealed and indexed as always, without the way through HTTP. Each copy has a surname of its own.
 */
export async function loadSynthea({ db, keys }: Pick<Core, 'db' | 'keys'>, search: SearchIndex, { folder, resources, firstCopy = 1 }: { folder: string; resources: number; firstCopy?: number }): Promise<Loaded> {
  const bundles = readdirSync(folder).filter((name) => name.endsWith('.json.gz')).map((name) => linked(gunzipSync(readFileSync(join(folder, name))).toString()));
  const [site] = await db.query<{ id: number }>("insert into site (tenant, code, name) values ($1, 'bench-fhir', 'Bench') on conflict (tenant, code) do update set name = excluded.name returning id", [tenant]);
  const patients: LoadedPatient[] = [];
  const startedAt = performance.now();
  let written = 0;
  let next = 0;
  // Two at a time: while one waits for the database, the other is sealed.
  await Promise.all([0, 1].map(async () => {
    while (written < resources) {
      // Bundles share their practitioners: each copy of each is one of its own.
      const bundle = copyOf(bundles[next % bundles.length]!, firstCopy + next);
      next += 1;
      written += bundle.length;
      const own = bundle.filter((one): one is Patient => one.resourceType === 'Patient');
      await keys.ensure(tenant, own.map(({ id }) => ({ kind: 'patient', patientId: id! })));
      await db.transaction(async (tx) => {
        const [drawn] = await tx.query<{ seq: number }>("set local synchronous_commit = off; select nextval('known_seq') as seq");
        for (const { id } of own) await tx.query('insert into patient (tenant, id, site_id, root_id, known_seq) values ($1, $2, $3, $2, $4)', [tenant, id, site!.id, drawn!.seq]);
        await writeVersions({ tx, keys, search }, tenant, drawn!.seq, bundle.map((body) => ({ type: body.resourceType, id: body.id!, version: 1, patientId: patientIdOf(body), messageId: null, body })));
      });
      for (const { id, name, birthDate, identifier } of own) patients.push({ id: id!, family: name?.[0]?.family ?? '', birthDate: birthDate ?? '', identifier: { system: identifier?.[0]?.system ?? '', value: identifier?.[0]?.value ?? '' } });
      if (next % 100 === 0) process.stderr.write(`${written} resources, ${Math.round(written / (performance.now() - startedAt) * 1_000)}/s\n`);
    }
  }));
  return { resources: written, patients, seconds: (performance.now() - startedAt) / 1_000 };
}

/** The resources of a Bundle as text, their links by `urn:uuid:` made references. */
function linked(text: string): string {
  const bundle = JSON.parse(text) as Bundle; // Synthea's
  const of = new Map(bundle.entry!.map(({ fullUrl, resource }) => [fullUrl!, `${resource!.resourceType}/${resource!.id!}`]));
  return JSON.stringify(bundle.entry!.map(({ resource }) => resource)).replace(/urn:uuid:[0-9a-f-]{36}/g, (urn) => of.get(urn) ?? urn);
}

/** Every UUID made another by the number of the copy: identifiers and links alike. */
function copyOf(text: string, copy: number): Resource[] {
  const mark = copy.toString(16).padStart(4, '0').slice(-4);
  const resources = JSON.parse(text.replace(/([0-9a-f]{4})[0-9a-f]{4}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/g, `$1${mark}$2`)) as Resource[]; // as above
  for (const resource of resources) {
    const name = resource.resourceType === 'Patient' ? resource.name?.[0] : undefined;
    if (name?.family !== undefined) name.family = `${name.family}-${[0, 4, 8, 12].map((shift) => syllables[(copy >> shift) & 15]).join('')}`;
  }
  return resources;
}
