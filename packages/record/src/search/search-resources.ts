import type { Resource } from '@medplum/fhirtypes';
import { PrimumError, type Clock } from '@primum/base';
import { sqlState, type Db } from '@primum/store';
import type { Keys, PhiReader } from '@primum/trust';
import { rowIdOf } from '../repository/row-id.ts';
import type { VersionRow } from '../resources/read-resource.ts';
import { resourceAad } from '../resources/resource-rows.ts';
import { compileCriterion, needsOpening, type CompileDeps } from './compile-criterion.ts';
import { isNarrow, rowsOfType, type Condition } from './condition.ts';
import { findIncluded } from './find-included.ts';
import { groupSql, mergedWith } from './merged-patients.ts';
import { openFound, type FoundResource } from './open-found.ts';
import { compareValues, meetsOpened, sortValueOf } from './opened-criteria.ts';
import { createSearchTokens } from './search-tokens.ts';
import type { SearchQuery } from './search-query.ts';
import { afterSql, compareRows, orderSql, readCursor, sortColumns, writeCursor, type Order } from './sort-keys.ts';
import { visibility } from './visibility.ts';

/** Resources that are opened to sort or choose by what stands in sealed bodies alone. */
const maxOpened = 1_000;

export type SearchDeps = { db: Db; keys: Keys; clock: Clock };

export type SearchPage = {
  matches: readonly FoundResource[];
  included: readonly FoundResource[];
  /** More was to be included than is at once. */
  includesCut: boolean;
  total: number | undefined;
  /** `_cursor` of the next page. */
  next: string | undefined;
};

export type SearchPlace = {
  /** Address of this server. */
  base: string;
  /** Row id of the patient in whose compartment is searched, with the records that were merged with theirs. */
  patientId?: string;
  /** Types whose resources may be shown, where scopes or a purpose name some. */
  shows?: (type: string) => boolean;
};

/**
 * A page of a search, in one statement, and what is to come with it. `queries`: one of each type that is searched, alike
 * but for the type. Everything, also what a chain leads over, is what the reader may see. Errors: fhir.search-too-wide,
 * fhir.parameter-invalid, fhir.not-supported, fhir.page-expired.
 */
export async function searchResources(deps: SearchDeps, reader: PhiReader, queries: readonly SearchQuery[], place: SearchPlace): Promise<SearchPage> {
  const [query] = queries;
  if (query === undefined) throw new PrimumError('fhir.parameter-invalid', '_type');
  const { tenant } = reader;
  const tokens = createSearchTokens(deps.keys, tenant);
  const visible = visibility(reader);
  const compile: CompileDeps = { tenant, tokens, now: deps.clock.now(), base: place.base, rowId: (type, id) => rowIdOf(deps.keys, tenant, type, id), visible: visible.of, merged: await mergedWith(deps, tenant, place.base, queries.flatMap(({ criteria }) => criteria)) };
  const each = queries.map(({ type, criteria }) => ({ type, met: { all: criteria.map((criterion) => compileCriterion(compile, type, criterion)) } }));
  const narrow = place.patientId !== undefined || queries.every(({ criteria }, n) => criteria.some(({ kind }) => kind === 'id') || isNarrow(each[n]!.met)); // one for each
  const opens = query.criteria.some(needsOpening);
  const columns = queries.length === 1 || query.sort.every(({ parameter }) => parameter === undefined) ? sortColumns(tokens, query.type, query.sort) : null;
  if (columns === null && queries.length > 1) throw new PrimumError('fhir.not-supported', '_sort over several types, but by _id and _lastUpdated');
  const asked: Asked = { deps, reader, values: visible.values, ...visible.of('s', narrow), where: whereOf(tenant, each, place), order: { columns: columns ?? [], idDescending: query.sort.at(-1)?.descending ?? false, several: queries.length > 1 } };
  const countOnly = query.summary === 'count' || query.count === 0;
  try {
    const page = opens || columns === null ? await openedPage(asked, query, columns === null) : countOnly ? { matches: [], next: undefined, total: await count(asked) } : await rowPage(asked, query);
    if (countOnly) return { matches: [], included: [], includesCut: false, next: undefined, total: page.total };
    const { included, cut } = await findIncluded({ ...deps, tokens }, reader, query.includes.filter(({ type }) => place.shows?.(type) ?? true), page.matches, place.shows ?? (() => true));
    return { ...page, included, includesCut: cut };
  } catch (error) {
    // A chain led over more than may be gathered: see `gathered`.
    if (sqlState(error) === '22012') throw new PrimumError('fhir.search-too-wide', 'a parameter of what a reference leads to');
    throw error;
  }
}

function whereOf(tenant: number, each: readonly { type: string; met: Condition }[], { patientId }: SearchPlace): (counting: boolean) => string {
  return (counting) => {
    const types = each.map(({ type, met }) => rowsOfType(type, met, 's', counting));
    return `s.tenant = ${tenant} and ${types.length === 1 ? types[0]! : `(${types.map((one) => `(${one})`).join(' or ')})`}${patientId === undefined ? '' : ` and s.patient_id = any(${groupSql(tenant, `'${patientId}'`)})`}`;
  };
}

type Asked = { deps: SearchDeps; reader: PhiReader; values: readonly unknown[]; join: string; condition: string; where: (counting: boolean) => string; order: Order };
type Row = VersionRow & { root_id: string | null; keys: number[] };

/** Rows of a page and their sealed bodies: the rows are chosen first, the bodies of these alone are read. */
async function selectRows({ deps: { db }, values, join, condition, where, order }: Asked, after: string | undefined, limit: number): Promise<Row[]> {
  const rows = await db.query<Row>(`
    select p.type, p.id, p.version, p.patient_id, p.recorded_at, false as deleted, r.body, p.keys, (select root_id from patient where tenant = r.tenant and id = p.patient_id) as root_id
    from (select s.tenant, s.type, s.id, s.version, s.patient_id, s.recorded_at, array[${order.columns.map(({ shown }) => shown).join(', ')}]::float8[] as keys
      from resource_search s ${join} where ${where(false)} and ${condition}${after === undefined ? '' : ` and ${after}`} order by ${orderSql(order)} limit ${limit}) p
    join resource r on r.tenant = p.tenant and r.type = p.type and r.id = p.id and r.version = p.version`, values, { name: false });
  // A join promises no order, and here is cheaper than there.
  return rows.sort((a, b) => compareRows(order, a, b));
}

async function count({ deps: { db }, values, join, condition, where }: Asked): Promise<number> {
  const [row] = await db.query<{ n: number }>(`select count(*) as n from resource_search s ${join} where ${where(true)} and ${condition}`, values, { name: false });
  return row?.n ?? 0;
}

/** What the planner takes the number to be. */
async function estimate({ deps: { db }, values, join, condition, where }: Asked): Promise<number> {
  const [row] = await db.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(`explain (format json) select 1 from resource_search s ${join} where ${where(true)} and ${condition}`, values, { name: false });
  return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}

async function rowPage(asked: Asked, query: SearchQuery): Promise<Omit<SearchPage, 'included' | 'includesCut'>> {
  const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor, asked.order.columns.length);
  const after = cursor === undefined ? undefined : afterSql(asked.order, cursor);
  const [rows, total] = await Promise.all([
    selectRows(asked, after, query.count + 1),
    query.total === 'accurate' ? count(asked) : query.total === 'estimate' ? estimate(asked) : undefined,
  ]);
  const page = rows.slice(0, query.count);
  const last = page.at(-1);
  const more = rows.length > query.count && last !== undefined;
  const next = more ? writeCursor({ keys: last.keys, type: last.type, id: last.id }) : undefined;
  // A first page that is the last one tells the number by itself.
  return { matches: await openFound(asked.reader, page), next, total: cursor === undefined && !more ? page.length : total };
}

/**
 * By what stands in bodies alone: all of a bounded number are opened, chosen and sorted here. The cursor is the last
 * one's id. What is opened to be compared is shown to nobody and passes by the reader; it stands on the log when it is shown.
 */
async function openedPage(asked: Asked, query: SearchQuery, sorts: boolean): Promise<Omit<SearchPage, 'included' | 'includesCut'>> {
  const rows = await selectRows(sorts ? { ...asked, order: { ...asked.order, columns: [] } } : asked, undefined, maxOpened + 1);
  if (rows.length > maxOpened) throw new PrimumError('fhir.search-too-wide', `${sorts ? '_sort by a sealed value' : ':contains and :text'}: more than ${maxOpened} to open`);
  const opening = query.criteria.filter(needsOpening);
  const met = (await openQuietly(asked, rows)).filter(({ resource }) => opening.every((criterion) => meetsOpened(criterion, resource)));
  const found = sorts ? sorted(met, query) : met;
  const from = query.cursor === undefined ? 0 : found.findIndex(({ row }) => row.id === readCursor(query.cursor!, 0).id) + 1;
  if (query.cursor !== undefined && from === 0) throw new PrimumError('fhir.page-expired');
  const page = found.slice(from, from + query.count).map(({ row }) => row);
  const last = page.at(-1);
  const more = from + query.count < found.length && last !== undefined;
  return { matches: await openFound(asked.reader, page), total: found.length, next: more ? writeCursor({ keys: [], type: last.type, id: last.id }) : undefined };
}

type Opened = { row: Row; resource: Resource };

async function openQuietly({ deps: { keys }, reader: { tenant } }: Asked, rows: readonly Row[]): Promise<Opened[]> {
  const opened = await Promise.all(rows.map(async (row): Promise<Opened[]> => {
    try {
      const plain = await keys.open(tenant, row.body, resourceAad(tenant, row.type, row.id, row.version));
      return [{ row, resource: JSON.parse(plain.toString()) as Resource }]; // only resources are sealed under this aad
    } catch (error) {
      if (error instanceof PrimumError && error.code === 'trust.key-missing') return [];
      throw error;
    }
  }));
  return opened.flat();
}

function sorted(found: readonly Opened[], { sort }: SearchQuery): Opened[] {
  const keyed = found.map((one) => ({ one, keys: sort.map(({ code, parameter }) => (parameter !== undefined ? sortValueOf(one.resource, parameter) : code === '_id' ? one.row.id : one.row.recorded_at.getTime())) }));
  return keyed.toSorted((a, b) => compareValues(sort, a.keys, b.keys)).map(({ one }) => one);
}
