import { errorFields, PrimumError, type Clock, type Log } from '@primum/base';
import type { Db, Objects } from '@primum/store';
import { mintSystemPrincipal } from '../access/principal.ts';
import type { Keys } from '../keys/keys.ts';
import { openAuditEvent, type Audit } from './audit.ts';
import { tileWidth } from './merkle-tree.ts';

/**
 * The write-once copy of the log. Once a day, what was numbered before midnight (UTC), in whole tiles, goes as one object
 * into the object store: a line per event with its number, id, leaf and the event as sealed, so that nothing in it is
 * readable without the tenant's key. Objects are addressed by their digest and never overwritten; the digest stands in an
 * event of the log (`audit.segment.stored`) and so below every later checkpoint. A folder on write-once storage makes it WORM.
 */
export type SegmentDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; objects: Objects };

/** Six years from the date of its creation: 45 CFR 164.316(b)(2)(i). */
export const defaultRetentionYears = 6;
/** Rows of one object, at most: whole tiles. */
const maxRows = 256 * tileWidth;
const pageRows = 500;

type Row = { seq: number; id: string; leaf: Buffer; sealed: Buffer };

/** Stores what is due; returns the number of segments made. */
export async function storeSegments(deps: SegmentDeps, tenant: number): Promise<number> {
  const { db, clock } = deps;
  const midnight = new Date(Math.floor(clock.now().getTime() / 86_400_000) * 86_400_000);
  for (let made = 0; ; made += 1) {
    const [start] = await db.query<{ from: number }>('select coalesce(max(to_seq), 0) + 1 as from from audit_segment where tenant = $1', [tenant]);
    const from = start!.from;
    // Numbers follow time but for late committers: up to the first entry of today.
    const [today] = await db.query<{ seq: number | null }>(
      `select coalesce((select min(seq) - 1 from audit_event where tenant = $1 and seq is not null and recorded_at >= $2), (select seq from audit_head where tenant = $1), 0) as seq`, [tenant, midnight],
    );
    const due = Math.floor((today?.seq ?? 0) / tileWidth) * tileWidth;
    const to = Math.min(due, from - 1 + maxRows);
    if (to < from) return made;
    await storeSegment(deps, tenant, from, to);
  }
}

async function storeSegment({ db, audit, clock, objects }: SegmentDeps, tenant: number, from: number, to: number): Promise<void> {
  const lines = async function* (): AsyncGenerator<Uint8Array> {
    for (let after = from - 1; after < to;) {
      const rows = await db.query<Row>('select seq, id, leaf, sealed from audit_event where tenant = $1 and seq > $2 and seq <= $3 order by seq limit $4', [tenant, after, to, pageRows]);
      if (rows[0]?.seq !== after + 1 || rows.at(-1)!.seq !== after + rows.length) throw new PrimumError('audit.log-broken', `after ${after}`);
      yield Buffer.from(rows.map(({ seq, id, leaf, sealed }) => `${JSON.stringify([seq, id, leaf.toString('base64'), sealed.toString('base64')])}\n`).join(''));
      after = rows.at(-1)!.seq;
    }
  };
  const digest = await objects.put(lines());
  await db.transaction(async (tx) => {
    await tx.query('insert into audit_segment (tenant, from_seq, to_seq, digest, made_at) values ($1, $2, $3, $4, $5) on conflict do nothing', [tenant, from, to, Buffer.from(digest, 'hex'), clock.now()]);
    await audit.write(tx, [{
      tenant, action: 'audit.segment.stored', outcome: 'success', principal: mintSystemPrincipal('trust'), purpose: 'HCOMPL', at: clock.now(),
      entities: [{ type: 'audit-range', id: `${from}-${to}` }, { type: 'object', id: digest }],
    }]);
  });
}

/**
 * Reads a segment back: the object has its digest, every event opens, hashes to its leaf, and the leaves are those of the
 * tree. Throws store.object-missing, store.object-corrupt or audit.log-altered.
 */
export async function verifySegment({ db, keys, clock, objects }: SegmentDeps, tenant: number, from: number): Promise<void> {
  const [segment] = await db.query<{ to_seq: number; digest: Buffer }>('select to_seq, digest from audit_segment where tenant = $1 and from_seq = $2', [tenant, from]);
  if (segment === undefined) throw new PrimumError('audit.event-missing', `no segment begins at ${from}`);
  const text = (await objects.get(segment.digest.toString('hex'))).toString();
  let next = from;
  let tile: Buffer | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [seq, id, leaf, sealed] = JSON.parse(line) as [number, string, string, string]; // as storeSegment writes it
    const at = (seq - 1) % tileWidth;
    if (at === 0 || tile === undefined) tile = (await db.query<{ hashes: Buffer }>('select hashes from audit_tile where tenant = $1 and level = 0 and n = $2', [tenant, Math.floor((seq - 1) / tileWidth)]))[0]?.hashes;
    const opened = await openAuditEvent(keys, tenant, id, Buffer.from(sealed, 'base64'));
    const inTree = tile?.subarray(at * 32, (at + 1) * 32);
    if (seq !== next || inTree === undefined || !opened.leaf.equals(inTree) || opened.leaf.toString('base64') !== leaf) throw new PrimumError('audit.log-altered', `number ${next} of a stored segment`);
    next += 1;
  }
  if (next !== segment.to_seq + 1) throw new PrimumError('audit.log-altered', `a stored segment ends at ${next - 1}`);
  await db.query('update audit_segment set verified_at = $3 where tenant = $1 and from_seq = $2', [tenant, from, clock.now()]);
}

/**
 * Drops the rows of segments whose every entry is older than the years of retention, each after its copy was read back just
 * now. Their leaves stay in the tree, their events in the object. Returns the ranges that went.
 */
export async function dropExpiredSegments(deps: SegmentDeps, tenant: number, years: number = defaultRetentionYears): Promise<{ from: number; to: number }[]> {
  const { db, audit, clock } = deps;
  if (!Number.isInteger(years) || years < defaultRetentionYears) throw new PrimumError('config.invalid', `the audit log is kept for ${defaultRetentionYears} years at least`);
  const before = clock.now();
  before.setUTCFullYear(before.getUTCFullYear() - years);
  const expired = await db.query<{ from: number; to: number }>(
    `select from_seq as from, to_seq as to from audit_segment s where tenant = $1 and dropped_at is null and made_at < $2
     and not exists (select 1 from audit_event e where e.tenant = s.tenant and e.seq between s.from_seq and s.to_seq and e.recorded_at >= $2) order by from_seq`, [tenant, before],
  );
  for (const { from, to } of expired) {
    await verifySegment(deps, tenant, from);
    await db.transaction(async (tx) => {
      await tx.query('select audit_drop_segment($1, $2, $3)', [tenant, from, before]);
      await audit.write(tx, [{ tenant, action: 'audit.segment.dropped', outcome: 'success', principal: mintSystemPrincipal('trust'), purpose: 'HCOMPL', at: clock.now(), entities: [{ type: 'audit-range', id: `${from}-${to}` }] }]);
    });
  }
  return expired;
}

/** Stores, reads back and drops as the hours go; a round that fails is tried again with the next. */
export function startAuditSegments(deps: SegmentDeps & { log: Log }, options: { tenant: number; years?: number; everyMs?: number }): { close(): Promise<void> } {
  const { tenant, years, everyMs = 3_600_000 } = options;
  const round = async (): Promise<void> => {
    try {
      await storeSegments(deps, tenant);
      const unread = await deps.db.query<{ from: number }>('select from_seq as from from audit_segment where tenant = $1 and verified_at is null order by from_seq', [tenant]);
      for (const { from } of unread) await verifySegment(deps, tenant, from);
      await dropExpiredSegments(deps, tenant, years);
    } catch (error) {
      deps.log.error('audit.segments-failed', errorFields(error));
    }
  };
  let running = round();
  const timer = setInterval(() => { running = running.then(round); }, everyMs);
  return {
    close: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
