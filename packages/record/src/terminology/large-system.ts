import { PrimumError } from '@primum/base';
import type { Sql } from '@primum/store';
import type { CodeSystemSource, Concept, Filter } from './concepts.ts';

type Row = { code: string; display: string; parents: string[] };
const columns = 'code, display, parents';
const maxDepth = 64;
/** Of one part of a question, which the rest is then asked of: a tenth of a millisecond each. */
const maxCandidates = 20_000;
const batchSize = 5_000;

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
  const codesWith = async (text: string, most: number): Promise<string[]> => (await sql.query<{ code: string }>(
    'select code from terminology_concept where tenant = $1 and system = $2 and version = $3 and (strpos(lower(display), lower($4)) > 0 or code = $4) limit $5', [...at, text, most])).map(({ code }) => code);
  /** The database stops going down where the limit is met. */
  const codesBelow = async ({ op, value }: Filter, most: number): Promise<string[]> => (await sql.query<{ code: string }>(`
    with recursive below(code) as (
      ${op === 'is-a' ? 'select $4::text' : 'select code from terminology_child where tenant = $1 and system = $2 and version = $3 and parent = $4'}
      union
      select t.code from below b join terminology_child t on t.tenant = $1 and t.system = $2 and t.version = $3 and t.parent = b.code
    ) select code from below limit $5`, [...at, value, most])).map(({ code }) => code);
  return {
    url, version: loaded.version, name: loaded.name, ignoreCase: false,
    find: async (codes) => (await sql.query<Row>(`select ${columns} from terminology_concept where tenant = $1 and system = $2 and version = $3 and code = any($4)`, [...at, codes])).map(concept),
    list: async ({ filters, text, limit }) => {
      // With a text the way is up from what holds it; without one down from one code.
      const root = text === undefined ? filters.find((one) => onCode(one) && (one.op === 'is-a' || one.op === 'descendent-of')) : undefined;
      const rest = filters.filter((one) => one !== root);
      const most = rest.length === 0 ? limit : maxCandidates + 1;
      const codes = text !== undefined ? await codesWith(text, most) : root !== undefined ? await codesBelow(root, most) : undefined;
      if (rest.length > 0 && codes !== undefined && codes.length > maxCandidates) throw new PrimumError('terminology.too-costly', `a filter over more than ${maxCandidates} codes`);
      const { conditions, values } = conditionsOf(rest, 6);
      const rows = await sql.query<Row>(
        `select ${columns} from terminology_concept c where tenant = $1 and system = $2 and version = $3 and ($5::text[] is null or code = any($5)) ${conditions} order by code limit $4`, [...at, limit, codes ?? null, ...values]);
      return rows.map(concept);
    },
    meets: async (code, filters) => {
      const { conditions, values } = conditionsOf(filters, 5);
      return (await sql.query(`select from terminology_concept c where tenant = $1 and system = $2 and version = $3 and code = $4 ${conditions}`, [...at, code, ...values])).length > 0;
    },
    childrenOf: async (code) => (await sql.query<{ code: string }>('select code from terminology_child where tenant = $1 and system = $2 and version = $3 and parent = $4 order by code limit 1000', [...at, code])).map((row) => row.code),
  };
}

/** Whether row `c` is below a code, by its ancestors: some dozens, where what is below may be all of the system. */
const isBelow = (code: string): string => `exists (
  with recursive above(code, depth) as (
    select unnest(c.parents), 1
    union
    select unnest(t.parents), a.depth + 1 from above a join terminology_concept t on t.tenant = $1 and t.system = $2 and t.version = $3 and t.code = a.code where a.depth < ${maxDepth}
  ) select from above where code = ${code})`;

const onCode = ({ property }: Filter): boolean => property === 'concept' || property === 'code';

/** Of row `c`; parameters begin at `from`. */
function conditionsOf(filters: readonly Filter[], from: number): { conditions: string; values: string[] } {
  const conditions = filters.map((filter, n) => {
    const { property, op } = filter;
    const at = `$${from + n}`;
    if (onCode(filter)) {
      if (op === 'is-a') return `and (code = ${at} or ${isBelow(at)})`;
      if (op === 'descendent-of') return `and ${isBelow(at)}`;
      if (op === 'is-not-a') return `and code <> ${at} and not ${isBelow(at)}`;
      if (op === '=') return `and code = ${at}`;
      if (op === 'in') return `and code = any(string_to_array(replace(${at}, ' ', ''), ','))`;
    }
    if (property === 'parent' && op === '=') return `and ${at} = any(parents)`;
    if (property === 'display' && op === '=') return `and display = ${at}`;
    throw new PrimumError('terminology.filter-unknown', 'of a code system that was loaded as a file: concept (is-a, descendent-of, is-not-a, =, in), parent, display');
  });
  return { conditions: conditions.join(' '), values: filters.map(({ value }) => value) };
}

/** Loads a code system in batches; what was loaded of this version goes. One transaction: a half of it is never seen. */
export async function loadLargeSystem(tx: Sql, tenant: number, about: { system: string; version: string; name: string | null; at: Date }, concepts: AsyncIterable<Concept>): Promise<number> {
  const { system, version, name, at } = about;
  for (const table of ['terminology_concept', 'terminology_child']) await tx.query(`delete from ${table} where tenant = $1 and system = $2 and version = $3`, [tenant, system, version]);
  const seen = new Set<string>();
  let batch: Concept[] = [];
  const write = async (): Promise<void> => {
    const children = batch.flatMap(({ code, parents }) => parents.map((parent) => [parent, code] as const));
    // Parents as one text each: an array of arrays has to be a rectangle.
    await tx.query(`
      insert into terminology_concept (tenant, system, version, code, display, parents)
      select $1, $2, $3, code, display, case when parents = '' then '{}' else string_to_array(parents, ' ') end from unnest($4::text[], $5::text[], $6::text[]) as t(code, display, parents)`,
    [tenant, system, version, batch.map(({ code }) => code), batch.map(({ display }) => display), batch.map(({ parents }) => parents.join(' '))]);
    await tx.query('insert into terminology_child (tenant, system, version, parent, code) select $1, $2, $3, parent, code from unnest($4::text[], $5::text[]) as t(parent, code) on conflict do nothing', [tenant, system, version, children.map(([parent]) => parent), children.map(([, code]) => code)]);
    batch = [];
  };
  for await (const concept of concepts) {
    if (seen.has(concept.code)) continue;
    seen.add(concept.code);
    batch.push(concept);
    if (batch.length >= batchSize) await write();
  }
  await write();
  // Without it the first way down is planned as a scan of all.
  await tx.query('analyze terminology_concept, terminology_child', []);
  await tx.query(`
    insert into terminology_system (tenant, system, version, name, concepts, loaded_at) values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant, system, version) do update set name = excluded.name, concepts = excluded.concepts, loaded_at = excluded.loaded_at`, [tenant, system, version, name, seen.size, at]);
  return seen.size;
}
