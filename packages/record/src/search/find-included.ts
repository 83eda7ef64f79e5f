import type { Db } from '@primum/store';
import type { Keys, PhiReader } from '@primum/trust';
import { rowIdOf } from '../repository/row-id.ts';
import type { VersionRow } from '../resources/read-resource.ts';
import { rowsOfType } from './condition.ts';
import { openFound, type FoundResource } from './open-found.ts';
import { valuesAt } from './opened-criteria.ts';
import { leadsTo } from './parse-search.ts';
import { targetOf } from './reference-target.ts';
import type { Include } from './search-query.ts';
import type { SearchTokens } from './search-tokens.ts';
import { visibility } from './visibility.ts';
import { isObject } from './walk.ts';

/** Resources that come with a page, and how often what was included is looked at again (`:iterate`). */
const maxIncluded = 1_000;
const maxRounds = 3;

type Deps = { db: Db; keys: Pick<Keys, 'token'>; tokens: SearchTokens };

/**
 * What the page's includes ask for (FHIR R4, section 3.1.1.5.4), each resource once, of what the reader may see; a
 * statement for each round. `cut`: there was more than may come at once.
 */
export async function findIncluded(deps: Deps, reader: PhiReader, includes: readonly Include[], matches: readonly FoundResource[], shows: (type: string) => boolean): Promise<{ included: FoundResource[]; cut: boolean }> {
  const seen = new Set(matches.map(({ type, rowId }) => `${type}/${rowId}`));
  const included: FoundResource[] = [];
  let pool = matches;
  let cut = false;
  for (let round = 1; round <= maxRounds && pool.length > 0 && !cut; round += 1) {
    const asked = round === 1 ? includes : includes.filter(({ iterate }) => iterate);
    const rows = await select(deps, reader, asked, pool, shows, seen, maxIncluded - included.length);
    cut = rows.cut;
    pool = await openFound(reader, rows.found);
    for (const { type, rowId } of pool) seen.add(`${type}/${rowId}`);
    included.push(...pool);
  }
  return { included, cut };
}

type Row = VersionRow & { root_id: string | null };

async function select({ db, keys, tokens }: Deps, reader: PhiReader, includes: readonly Include[], pool: readonly FoundResource[], shows: (type: string) => boolean, seen: ReadonlySet<string>, room: number): Promise<{ found: Row[]; cut: boolean }> {
  const { tenant } = reader;
  const wanted = new Map<string, Set<string>>();
  for (const { type, parameter, target } of includes.filter(({ reverse }) => !reverse)) {
    for (const { resource } of pool.filter((one) => one.type === type)) {
      for (const source of parameter.sources) {
        for (const value of valuesAt(resource, source)) {
          const to = isObject(value) ? targetOf(value['reference']) : null;
          if (to === null || !shows(to.type) || !/^[A-Za-z]{1,60}$/.test(to.type) || (target ?? source.target ?? to.type) !== to.type) continue;
          const rowId = rowIdOf(keys, tenant, to.type, to.id);
          if (!seen.has(`${to.type}/${rowId}`)) wanted.set(to.type, (wanted.get(to.type) ?? new Set()).add(rowId));
        }
      }
    }
  }
  const conditions = [...wanted].map(([type, ids]) => `(s.type = '${type}' and s.id in (${[...ids].slice(0, room + 1).map((id) => `'${id}'`).join(', ')}))`);
  for (const { type, parameter, target } of includes.filter(({ reverse }) => reverse)) {
    const sought = pool.filter((one) => leadsTo(parameter).includes(one.type) && (target ?? one.type) === one.type)
      .flatMap((one) => parameter.sources.filter((source) => (source.target ?? one.type) === one.type).map(({ place }) => tokens.reference(place, one.type, one.rowId)));
    if (sought.length > 0) conditions.push(rowsOfType(type, { tokens: sought, rare: true }, 's'));
  }
  if (conditions.length === 0) return { found: [], cut: false };
  const visible = visibility(reader);
  const { join, condition } = visible.of('s', true);
  // One arm for each: an index serves every one of them, and none serves several at once.
  const rows = await db.query<Row>(`
    select p.type, p.id, p.version, p.patient_id, p.recorded_at, false as deleted, r.body, (select root_id from patient where tenant = r.tenant and id = p.patient_id) as root_id
    from (select distinct * from (${conditions.map((one) => `(select s.tenant, s.type, s.id, s.version, s.patient_id, s.recorded_at from resource_search s ${join} where s.tenant = ${tenant} and ${one} and ${condition} limit ${room + seen.size + 1})`).join(' union all ')}) u) p
    join resource r on r.tenant = p.tenant and r.type = p.type and r.id = p.id and r.version = p.version`, visible.values, { name: false });
  const fresh = rows.filter(({ type, id }) => !seen.has(`${type}/${id}`));
  return { found: fresh.slice(0, room), cut: fresh.length > room };
}
