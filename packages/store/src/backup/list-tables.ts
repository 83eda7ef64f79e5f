import { assert } from '@primum/base';
import type { Sql } from '../database/sql.ts';

/** `columns`: those that hold something of their own (a stored generated column is computed again). */
export type TableShape = { name: string; columns: readonly string[]; bytes: number };

/** Every table of the schema, a table after those that its foreign keys point to, so that it can be filled in this order. */
export async function listTables(sql: Sql): Promise<TableShape[]> {
  const tables = await sql.query<TableShape & { refers: string[] }>(
    `select c.relname as name, pg_table_size(c.oid) as bytes,
       (select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
       (select coalesce(array_agg(distinct r.relname::text), '{}') from pg_constraint f join pg_class r on r.oid = f.confrelid where f.conrelid = c.oid and f.contype = 'f' and r.oid <> c.oid) as refers
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relpersistence = 'p' order by c.relname`, [],
  );
  const ordered: TableShape[] = [];
  const placed = new Set<string>();
  while (ordered.length < tables.length) {
    const next = tables.filter(({ name, refers }) => !placed.has(name) && refers.every((other) => placed.has(other)));
    assert(next.length > 0, 'foreign keys form a circle: no order fills these tables');
    for (const { name, columns, bytes } of next) {
      placed.add(name);
      ordered.push({ name, columns, bytes });
    }
  }
  return ordered;
}

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function copyTarget({ name, columns }: Pick<TableShape, 'name' | 'columns'>): string {
  return `public.${quoted(name)} (${columns.map(quoted).join(', ')})`;
}
