import type { Sql } from '@primum/store';
import { rowIdOf } from '../repository/row-id.ts';
import type { Keys } from '@primum/trust';
import { leadsTo } from './parse-search.ts';
import { unescapeValue, type Criterion } from './search-query.ts';

/** Row ids of the records that were merged with a patient's, without itself. */
export type Merged = (rowId: string) => readonly string[];

const local = /^(?:Patient\/)?([A-Za-z0-9.-]{1,64})$/;

/** Patients whom criteria name by reference. */
function patientsNamed(keys: Pick<Keys, 'token'>, tenant: number, base: string, criteria: readonly Criterion[]): string[] {
  const ids = criteria.flatMap((criterion) => (criterion.kind === 'parameter' && criterion.parameter.type === 'reference' && leadsTo(criterion.parameter).includes('Patient') ? criterion.alternatives : []))
    .flatMap((text) => local.exec(unescapeValue(text).replace(`${base}/`, ''))?.[1] ?? []);
  return [...new Set(ids)].map((id) => rowIdOf(keys, tenant, 'Patient', id));
}

/**
 * What refers to a record that was merged is found by any record of the same person (HL7 2.5.1, section 3.6.2.1.1;
 * resources keep the reference that they came with): half of a person's results under another number is found by both.
 */
export async function mergedWith({ db, keys }: { db: Sql; keys: Pick<Keys, 'token'> }, tenant: number, base: string, criteria: readonly Criterion[]): Promise<Merged> {
  const named = patientsNamed(keys, tenant, base, criteria);
  if (named.length === 0) return () => [];
  const rows = await db.query<{ id: string; other: string }>(`
    select p.id, g.id as other from patient p join patient g on g.tenant = p.tenant and g.root_id = p.root_id and g.id <> p.id
    where p.tenant = $1 and p.id = any($2::uuid[])`, [tenant, named]);
  const others = new Map<string, string[]>();
  for (const { id, other } of rows) others.set(id, [...others.get(id) ?? [], other]);
  return (rowId) => others.get(rowId) ?? [];
}

/** Row ids of all records of the person whose one record's id the expression gives, as an array in SQL. */
export const groupSql = (tenant: number, id: string): string =>
  `array(select g.id from patient p join patient g on g.tenant = p.tenant and g.root_id = p.root_id where p.tenant = ${tenant} and p.id = ${id})`;
