import { PrimumError } from '@primum/base';
import type { Sql } from '@primum/store';
import type { CodeSystemSource, Concept, Filter } from './concepts.ts';

type Row = { code: string; display: string; parents: string[] };
const columns = 'code, display, parents';
const maxDepth = 64;

/**
 * A code system that was loaded into the database (LOINC, SNOMED CT, …): hierarchy and text are asked there. Undefined
 * where it was not loaded. Without a version the one that was loaded last.
 */
export async function largeSystem(sql: Sql, tenant: number, url: string, version?: string): Promise<CodeSystemSource | undefined> {
  const [loaded] = await sql.query<{ version: string; name: string | null }>(
    'select version, name from terminology_system where tenant = $1 and system = $2 and ($3::text is null or version = $3) order by loaded_at desc limit 1', [tenant, url, version ?? null]);
  if (loaded === undefined) return undefined;
  const at = [tenant, url, loaded.version] as const;
  const concept = ({ code, display, parents }: Row): Concept => ({ code, display, parents });
  return {
    url, version: loaded.version, name: loaded.name, ignoreCase: false,
    find: async (codes) => (await sql.query<Row>(`select ${columns} from terminology_concept where tenant = $1 and system = $2 and version = $3 and code = any($4)`, [...at, codes])).map(concept),
    list: async ({ filters, text, limit }) => {
      const { conditions, values } = conditionsOf(filters, at.length + 3);
      const rows = await sql.query<Row>(
        `select ${columns} from terminology_concept c where tenant = $1 and system = $2 and version = $3 and ($5::text is null or strpos(lower(display), lower($5)) > 0 or code = $5) ${conditions} order by code limit $4`,
        [...at, limit, text ?? null, ...values]);
      return rows.map(concept);
    },
    meets: async (code, filters) => {
      const { conditions, values } = conditionsOf(filters, at.length + 2);
      return (await sql.query(`select from terminology_concept c where tenant = $1 and system = $2 and version = $3 and code = $4 ${conditions}`, [...at, code, ...values])).length > 0;
    },
    childrenOf: async (code) => (await sql.query<{ code: string }>('select code from terminology_concept where tenant = $1 and system = $2 and version = $3 and parents @> array[$4::text] order by code limit 1000', [...at, code])).map((row) => row.code),
  };
}

/** For a list the set below is walked once; asking each row for its ancestors would walk the whole system. */
function conditionsOf(filters: readonly Filter[], from: number): { conditions: string; values: string[] } {
  const values: string[] = [];
  const conditions = filters.map(({ property, op, value }) => {
    const onCode = property === 'concept' || property === 'code';
    values.push(value);
    const at = `$${from + values.length - 1}`;
    const below = `code in (
      with recursive below(code, depth) as (
        select t.code, 1 from terminology_concept t where t.tenant = $1 and t.system = $2 and t.version = $3 and t.parents @> array[${at}::text]
        union
        select t.code, b.depth + 1 from below b join terminology_concept t on t.tenant = $1 and t.system = $2 and t.version = $3 and t.parents @> array[b.code] where b.depth < ${maxDepth}
      ) select code from below)`;
    if (onCode && op === 'is-a') return `and (code = ${at} or ${below})`;
    if (onCode && op === 'descendent-of') return `and ${below}`;
    if (onCode && op === 'is-not-a') return `and code <> ${at} and not (${below})`;
    if (onCode && op === '=') return `and code = ${at}`;
    if (onCode && op === 'in') return `and code = any(string_to_array(replace(${at}, ' ', ''), ','))`;
    if (property === 'parent' && op === '=') return `and parents @> array[${at}::text]`;
    if (property === 'display' && op === '=') return `and display = ${at}`;
    throw new PrimumError('terminology.filter-unknown', 'of a code system that was loaded as a file: concept (is-a, descendent-of, is-not-a, =, in), parent, display');
  });
  return { conditions: conditions.join(' '), values };
}

/** Loads a code system in batches; what was loaded of this version goes. One transaction: a half of it is never seen. */
export async function loadLargeSystem(tx: Sql, tenant: number, about: { system: string; version: string; name: string | null; at: Date }, concepts: AsyncIterable<Concept>): Promise<number> {
  const { system, version, name, at } = about;
  await tx.query('delete from terminology_concept where tenant = $1 and system = $2 and version = $3', [tenant, system, version]);
  let count = 0;
  let batch: Concept[] = [];
  const write = async (): Promise<void> => {
    if (batch.length === 0) return;
    // Parents as one text each: an array of arrays has to be a rectangle.
    await tx.query(`
      insert into terminology_concept (tenant, system, version, code, display, parents)
      select $1, $2, $3, code, display, case when parents = '' then '{}' else string_to_array(parents, ' ') end from unnest($4::text[], $5::text[], $6::text[]) as t(code, display, parents)
      on conflict (tenant, system, version, code) do update set display = excluded.display, parents = excluded.parents`,
    [tenant, system, version, batch.map(({ code }) => code), batch.map(({ display }) => display), batch.map(({ parents }) => parents.join(' '))]);
    count += batch.length;
    batch = [];
  };
  const seen = new Set<string>();
  for await (const concept of concepts) {
    if (seen.has(concept.code)) continue;
    seen.add(concept.code);
    batch.push(concept);
    if (batch.length >= 5_000) await write();
  }
  await write();
  await tx.query(`
    insert into terminology_system (tenant, system, version, name, concepts, loaded_at) values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant, system, version) do update set name = excluded.name, concepts = excluded.concepts, loaded_at = excluded.loaded_at`, [tenant, system, version, name, count, at]);
  return count;
}
