import { PrimumError } from '@primum/base';
import { groupSql, mainDateOf, parseSearch, rowIdOf, searchParametersOf, type Include, type SearchQuery } from '@primum/record';
import { tenant, type Core } from '../../core.ts';

const known = new Set(['start', 'end', '_since', '_type', '_count', '_cursor', '_page', '_format', '_pretty']);
const dateOf = /^\d{4}(-\d\d(-\d\d)?)?$/;
const pageOf = 100;
/** What belongs to no patient and is referred to: who, where and what with. */
const comeAlong = ['Device', 'Endpoint', 'HealthcareService', 'Location', 'Medication', 'Organization', 'Practitioner', 'PractitionerRole', 'Substance'];

type Pairs = readonly (readonly [string, string])[];

/**
 * Patient/$everything as searches of the patient's compartment, one for each type that is there (FHIR R4, Patient,
 * "Operation $everything"): `start` and `end` bound what has a clinical date, `_since` what was written since, `_type`
 * the types. `includes`: references of them all, of which staff, places, organizations and medications come along.
 */
export async function everythingQueries(core: Core, id: string, pairs: Pairs, maySee: (type: string) => boolean): Promise<{ queries: SearchQuery[]; includes: Include[]; used: Pairs }> {
  const unknown = pairs.find(([name]) => !known.has(name));
  if (unknown !== undefined) throw new PrimumError('fhir.parameter-unknown', `$everything has none of that name: ${unknown[0].slice(0, 40)}`);
  const one = (name: string): string | undefined => pairs.find(([key, value]) => key === name && value !== '')?.[1];
  const [start, end, since, cursor] = [one('start'), one('end'), one('_since'), one('_cursor')];
  if ([start, end].some((date) => date !== undefined && !dateOf.test(date))) throw new PrimumError('fhir.parameter-invalid', 'start and end are dates');
  const wanted = pairs.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(','));
  const present = await core.db.query<{ type: string }>(`select distinct type from resource_search where tenant = $1 and patient_id = any(${groupSql(tenant, '$2::uuid')}) order by type`, [tenant, rowIdOf(core.keys, tenant, 'Patient', id)]);
  const types = present.map(({ type }) => type).filter((type) => (wanted.length === 0 || wanted.includes(type)) && maySee(type));
  const queries = types.map((type) => {
    const date = type === 'Patient' ? undefined : mainDateOf(type);
    return parseSearch(type, [
      ...(since === undefined ? [] : [['_lastUpdated', `ge${since}`] as const]),
      ...(date === undefined || start === undefined ? [] : [[date, `ge${start}`] as const]), ...(date === undefined || end === undefined ? [] : [[date, `le${end}`] as const]),
      ['_count', one('_count') ?? String(pageOf)], ...(cursor === undefined ? [] : [['_cursor', cursor] as const]),
    ]);
  });
  const includes = types.flatMap((type) => [...searchParametersOf(type).values()].filter((parameter) => parameter.type === 'reference')
    .flatMap((parameter) => comeAlong.filter((target) => parameter.targets.includes(target) || parameter.targets.includes('Any')).map((target): Include => ({ type, parameter, target, reverse: false, iterate: false }))));
  return { queries, includes, used: pairs.filter(([name]) => !['_cursor', '_page', '_format', '_pretty'].includes(name)) };
}
