import { PrimumError } from '@primum/base';
import { instantSql, numberSql } from './condition.ts';
import { mainDateOf } from './parameters.ts';
import { quantityParam } from './quantity-ranges.ts';
import type { SortKey } from './search-query.ts';
import type { SearchTokens } from './search-tokens.ts';

/** A key of the order that the database sorts by. `shown`: as a number that a cursor holds; `literal`: back from it. */
export type SortColumn = { sql: string; descending: boolean; shown: string; literal(value: number): string };

/** Sorted by what stands in rows: an id, an instant, a date, number or quantity (as given, in whatever unit); null where a key stands in the sealed body alone. */
export function sortColumns(tokens: SearchTokens, type: string, keys: readonly SortKey[]): SortColumn[] | null {
  const columns = keys.filter(({ code }) => code !== '_id').map((key) => columnOf(tokens, type, key));
  return columns.includes(null) ? null : columns.filter((column) => column !== null);
}

function columnOf(tokens: SearchTokens, type: string, { code, descending, parameter }: SortKey): SortColumn | null {
  if (code === '_lastUpdated') {
    return { sql: 's.recorded_at', descending, shown: '(extract(epoch from s.recorded_at) * 1000000)::float8', literal: (value) => `timestamptz 'epoch' + ${numberSql(value)} * interval '1 microsecond'` };
  }
  if (parameter === undefined || !['date', 'number', 'quantity'].includes(parameter.type) || parameter.sources.some(({ path }) => path === 'birthDate')) return null;
  if (code === mainDateOf(type)) {
    return { sql: "coalesce(s.at, '-infinity')", descending, shown: "coalesce(extract(epoch from s.at) * 1000, '-Infinity')::float8", literal: (value) => instantSql(value) };
  }
  const params = parameter.sources.map(({ place }) => (parameter.type === 'quantity' ? quantityParam(tokens, place, 'value', '') : tokens.rangeParam(place, parameter.type, '')));
  const sql = descending
    ? `coalesce((select max(u.hi) from unnest(s.range_param, s.range_hi) as u(p, hi) where u.p in (${params.join(', ')})), '-Infinity')`
    : `coalesce((select min(u.lo) from unnest(s.range_param, s.range_lo) as u(p, lo) where u.p in (${params.join(', ')})), 'Infinity')`;
  return { sql, descending, shown: sql, literal: numberSql };
}

/** The order of a page: its keys, then the type where there are several, then the id. `several`: types are searched. */
export type Order = { columns: readonly SortColumn[]; idDescending: boolean; several: boolean };

const typeSql = 's.type collate "C"';

export function orderSql({ columns, idDescending, several }: Order): string {
  const last = idDescending ? 'desc' : 'asc';
  return [...columns.map(({ sql, descending }) => `${sql} ${descending ? 'desc' : 'asc'}`), ...(several ? [`${typeSql} ${last}`] : []), `s.id ${last}`].join(', ');
}

/** The same order of rows at hand; an id's text is ordered as the id is. */
export function compareRows({ columns, idDescending }: Order, a: { keys: readonly number[]; type: string; id: string }, b: typeof a): number {
  for (const [n, { descending }] of columns.entries()) {
    const [one, other] = [a.keys[n]!, b.keys[n]!]; // a key for each column
    if (one !== other) return (one < other ? -1 : 1) * (descending ? -1 : 1);
  }
  const [one, other] = a.type === b.type ? [a.id, b.id] : [a.type, b.type];
  return one === other ? 0 : (one < other ? -1 : 1) * (idDescending ? -1 : 1);
}

/** Where a page ended: the values of its last row's keys, its type and row id. Dates, numbers and random ids: nothing that names anybody. */
export type Cursor = { keys: number[]; type: string; id: string };

export function writeCursor({ keys, type, id }: Cursor): string {
  return Buffer.from([...keys.map(String), type, id].join(' ')).toString('base64url');
}

export function readCursor(text: string, keys: number): Cursor {
  const parts = Buffer.from(text.slice(0, 1_000), 'base64url').toString().split(' ');
  const [id = '', type = ''] = [parts.pop(), parts.pop()];
  const values = parts.map(Number);
  if (values.length !== keys || values.some(Number.isNaN) || !/^[A-Z][A-Za-z]{1,60}$/.test(type) || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) throw new PrimumError('fhir.parameter-invalid', '_cursor');
  return { keys: values, type, id };
}

/** Rows behind a cursor in the order. In one direction it is one comparison of rows, which an index serves. */
export function afterSql({ columns, idDescending, several }: Order, { keys, type, id }: Cursor): string {
  const last = [...(several ? [{ sql: typeSql, literal: `'${type}'`, descending: idDescending }] : []), { sql: 's.id', literal: `'${id}'::uuid`, descending: idDescending }];
  const all = [...columns.map((column, n) => ({ sql: column.sql, literal: column.literal(keys[n]!), descending: column.descending })), ...last]; // readCursor counted them
  if (all.every(({ descending }) => descending === idDescending)) return `(${all.map(({ sql }) => sql).join(', ')}) ${idDescending ? '<' : '>'} (${all.map(({ literal }) => literal).join(', ')})`;
  return all.toReversed().reduce((rest, { sql, literal, descending }) => `(${sql} ${descending ? '<' : '>'} ${literal}${rest === '' ? '' : ` or (${sql} = ${literal} and ${rest})`})`, '');
}
