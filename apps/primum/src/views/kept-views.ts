import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, PrimumError, type Log } from '@primum/base';
import { compileView, type CompiledView, type ViewRow } from '@primum/datasets';
import { joinBytes, openVersions, type VersionRow } from '@primum/record';
import { runConsumer, type Sequencer, type Sql } from '@primum/store';
import { mintSystemPrincipal, withPhiWriter, type PhiReader, type PhiWriter } from '@primum/trust';
import { tenant, type Core } from '../core.ts';

const keeper = mintSystemPrincipal('ingest');
const fillBatch = 500;
const idleMs = 1_000;

type Kept = { view_id: string; view_version: number; type: string; upto_seq: number | null; upto_id: string | null };
type Body = VersionRow & { seq: number };

const rowsAad = (viewId: string, resourceId: string): string => `view|${viewId}|${resourceId}`;

/** Begins to keep a view's rows, or begins anew where its definition has changed; filled in the background. */
export async function keepView(tx: Sql, view: { id: string; version: number; type: string }): Promise<void> {
  await tx.query('delete from kept_view where tenant = $1 and view_id = $2 and view_version <> $3', [tenant, view.id, view.version]);
  await tx.query('insert into kept_view (tenant, view_id, view_version, type, upto_seq) values ($1, $2, $3, $4, 0) on conflict do nothing', [tenant, view.id, view.version, view.type]);
}

export async function releaseView(tx: Sql, viewId: string): Promise<boolean> {
  return (await tx.query('delete from kept_view where tenant = $1 and view_id = $2 returning view_id', [tenant, viewId])).length > 0;
}

/** Whether a view's rows of this version are kept and complete. */
export async function isKept(sql: Sql, viewId: string, version: number): Promise<boolean> {
  return (await sql.query('select from kept_view where tenant = $1 and view_id = $2 and view_version = $3 and upto_seq is null and failed is null', [tenant, viewId, version])).length > 0;
}

/** Rows of some resources, as they are kept; of a resource without rows there are none. */
export async function openKeptRows(reader: PhiReader, rows: readonly { view_id: string; resource_id: string; patient_id: string | null; sealed: Buffer }[]): Promise<ViewRow[]> {
  const opened: ViewRow[] = [];
  for (const { view_id, resource_id, patient_id, sealed } of rows) {
    const aad = rowsAad(view_id, resource_id);
    const plain = patient_id === null ? await reader.openUnassigned(sealed, aad) : await reader.open(sealed, patient_id, aad);
    opened.push(...JSON.parse(plain.toString()) as ViewRow[]); // as they were sealed
  }
  return opened;
}

/**
 * Keeps views up to date: a filler walks what was there before, in batches whose place is written with their rows, and a
 * consumer of `resource.changed` makes the rows of each changed resource anew in the transaction of its offset. Both write
 * what is current when they look, under the row's lock, so neither can put an older word over a newer one.
 */
export function startKeptViews({ core, sequencer, log }: { core: Core; sequencer: Sequencer; log: Log }): { close(): Promise<void> } {
  const stop = new AbortController();
  const compiled = new Map<string, CompiledView>();
  const consuming = runConsumer({ db: core.db, sequencer, log }, { tenant, name: 'views', topics: ['resource.changed'], signal: stop.signal, from: 'now' }, async (tx, events) => {
    const kept = await tx.query<Kept>('select view_id, view_version, type, upto_seq, upto_id from kept_view where tenant = $1 and failed is null', [tenant]);
    if (kept.length === 0) return;
    const types = new Set(kept.map(({ type }) => type));
    const changed = new Map<string, { type: string; id: string }>();
    for (const { payload } of events) {
      const { resources } = payload as { resources: [string, string, number, boolean][] }; // as writeVersions announces them
      for (const [type, id] of resources) if (types.has(type)) changed.set(`${type}/${id}`, { type, id });
    }
    if (changed.size > 0) await refresh(core, tx, compiled, kept, [...changed.values()]);
  });
  const filling = (async () => {
    while (!stop.signal.aborted) {
      const filled = await fill(core, compiled).catch((error: unknown) => {
        log.warn('views.not-filled', errorFields(error));
        return false;
      });
      if (!filled) await sleep(idleMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    close: async () => {
      stop.abort();
      await Promise.all([consuming, filling]);
    },
  };
}

/** One batch of one view that is not complete; false where there is none. */
async function fill(core: Core, compiled: Map<string, CompiledView>): Promise<boolean> {
  return core.db.transaction(async (tx) => {
    const [view] = await tx.query<Kept>('select view_id, view_version, type, upto_seq, upto_id from kept_view where tenant = $1 and upto_seq is not null and failed is null order by view_id limit 1 for update skip locked', [tenant]);
    if (view === undefined) return false;
    const next = await tx.query<{ id: string; seq: number }>(`
      select id, seq from resource_search where tenant = $1 and type = $2 and (seq, id) > ($3, coalesce($4::uuid, '00000000-0000-0000-0000-000000000000'))
      order by seq, id limit $5`, [tenant, view.type, view.upto_seq, view.upto_id, fillBatch]);
    if (next.length > 0) await refresh(core, tx, compiled, [view], next.map(({ id }) => ({ type: view.type, id })));
    const last = next.at(-1);
    await tx.query('update kept_view set upto_seq = $3, upto_id = $4 where tenant = $1 and view_id = $2', [tenant, view.view_id, next.length < fillBatch ? null : last!.seq, next.length < fillBatch ? null : last!.id]); // a full batch has a last one
    return true;
  });
}

async function refresh(core: Core, tx: Sql, compiled: Map<string, CompiledView>, kept: readonly Kept[], changed: readonly { type: string; id: string }[]): Promise<void> {
  await withPhiWriter(core, tx, { tenant, principal: keeper, purpose: 'HOPERAT', action: 'view.write' }, async (writer) => {
    const definitions = await viewsOf(tx, writer, compiled, kept);
    const current = await tx.query<Body>(`
      select r.type, r.id, r.version, r.patient_id, r.recorded_at, r.deleted, r.body, r.seq
      from unnest($2::text[], $3::uuid[]) as t(type, id) join resource_search s on s.tenant = $1 and s.type = t.type and s.id = t.id
      join resource r on r.tenant = s.tenant and r.type = s.type and r.id = s.id and r.version = s.version`,
    [tenant, changed.map(({ type }) => type), changed.map(({ id }) => id)]);
    await writer.ensure([...new Set(current.flatMap(({ patient_id }) => patient_id ?? []))]);
    const bodies = await openVersions(writer, current);
    for (const { view, viewId } of definitions) {
      const of = changed.filter(({ type }) => type === view.resource).map(({ id }) => id);
      if (of.length === 0) continue;
      const made = current.flatMap((row, n) => {
        const rows = row.type === view.resource ? rowsOf(view, bodies[n]!.resource) : [];
        return rows.length === 0 ? [] : [{ ...row, sealed: sealRows(writer, viewId, row, rows) }];
      });
      await tx.query('delete from kept_view_rows where tenant = $1 and view_id = $2 and resource_id = any($3::uuid[])', [tenant, viewId, of]);
      if (made.length === 0) continue;
      const { bytes, starts, lengths } = joinBytes(made.map(({ sealed }) => sealed));
      await tx.query(`
        insert into kept_view_rows (tenant, view_id, resource_id, patient_id, seq, sealed)
        select $1, $2, t.id, t.patient_id, t.seq, substring($6::bytea from t.start for t.length)
        from unnest($3::uuid[], $4::uuid[], $5::bigint[], $7::int[], $8::int[]) as t(id, patient_id, seq, start, length)
        on conflict (tenant, view_id, resource_id) do update set patient_id = excluded.patient_id, seq = excluded.seq, sealed = excluded.sealed`,
      [tenant, viewId, made.map(({ id }) => id), made.map(({ patient_id }) => patient_id), made.map(({ seq }) => seq), bytes, starts, lengths]);
    }
  });
}

/** What a view can't read of one resource is no row of it, as where it is run; the rest goes on. */
function rowsOf(view: CompiledView, resource: object): ViewRow[] {
  try {
    return view.rows(resource);
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'view.invalid') return [];
    throw error;
  }
}

function sealRows(writer: PhiWriter, viewId: string, { id, patient_id }: Body, rows: readonly ViewRow[]): Buffer {
  const plain = Buffer.from(JSON.stringify(rows));
  return patient_id === null ? writer.sealUnassigned(plain, rowsAad(viewId, id)) : writer.seal(patient_id, plain, rowsAad(viewId, id));
}

async function viewsOf(tx: Sql, reader: PhiReader, compiled: Map<string, CompiledView>, kept: readonly Kept[]): Promise<{ viewId: string; view: CompiledView }[]> {
  const found: { viewId: string; view: CompiledView }[] = [];
  for (const { view_id, view_version } of kept) {
    const name = `${view_id}/${view_version}`;
    let view = compiled.get(name);
    if (view === undefined) {
      const rows = await tx.query<VersionRow>("select type, id, version, patient_id, recorded_at, deleted, body from resource where tenant = $1 and type = 'ViewDefinition' and id = $2 and version = $3", [tenant, view_id, view_version]);
      const [definition] = await openVersions(reader, rows);
      if (definition === undefined) continue;
      view = compileView(definition.resource);
      if (compiled.size >= 200) compiled.clear(); // few are kept; begun afresh past a bound
      compiled.set(name, view);
    }
    found.push({ viewId: view_id, view });
  }
  return found;
}
