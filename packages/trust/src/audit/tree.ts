import { PrimumError } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import { foldHashes, hashBytes, hashesAt, tileWidth, type ReadTile } from './merkle-tree.ts';

/** Tiles of level 0 made in one transaction: 16,384 leaves. */
const tilesPerStep = 64;

/**
 * Cuts full tiles from the leaves that the sequencer has numbered, one step at a time until none is left; returns how
 * many. Tiles follow from the leaves alone, so two processes that do this at once write the same, and after a crash
 * the next call goes on. A number without a row stops it: audit.log-broken.
 */
export async function appendTiles(db: Db, tenant: number): Promise<number> {
  let made = 0;
  for (;;) {
    const step = await db.transaction(async (tx) => {
      const size = await treeSize(tx, tenant);
      return await cutLeaves(tx, tenant, size) + await cutRoots(tx, tenant, size);
    });
    made += step;
    if (step === 0) return made;
  }
}

/** Leaves that have their numbers. */
export async function treeSize(sql: Sql, tenant: number): Promise<number> {
  const [head] = await sql.query<{ seq: number }>('select seq from audit_head where tenant = $1', [tenant]);
  return head?.seq ?? 0;
}

async function tilesAt(sql: Sql, tenant: number, level: number): Promise<number> {
  const [row] = await sql.query<{ n: number }>('select coalesce(max(n) + 1, 0) as n from audit_tile where tenant = $1 and level = $2', [tenant, level]);
  return row?.n ?? 0;
}

async function cutLeaves(tx: Sql, tenant: number, size: number): Promise<number> {
  const first = await tilesAt(tx, tenant, 0);
  const end = Math.min(Math.floor(size / tileWidth), first + tilesPerStep);
  if (end <= first) return 0;
  const hashes = await readLeaves(tx, tenant, first * tileWidth, end * tileWidth);
  return insertTiles(tx, tenant, 0, first, hashes);
}

/** Each level above, from the roots of the one below. */
async function cutRoots(tx: Sql, tenant: number, size: number): Promise<number> {
  let made = 0;
  for (let level = 1; hashesAt(level, size) >= tileWidth; level += 1) {
    const first = await tilesAt(tx, tenant, level);
    const end = Math.min(Math.floor(await tilesAt(tx, tenant, level - 1) / tileWidth), first + tilesPerStep);
    if (end > first) made += await insertTiles(tx, tenant, level, first, await readRoots(tx, tenant, level - 1, first * tileWidth, end * tileWidth));
  }
  return made;
}

async function insertTiles(tx: Sql, tenant: number, level: number, first: number, hashes: Buffer): Promise<number> {
  const bytes = tileWidth * hashBytes;
  const count = hashes.length / bytes;
  for (let i = 0; i < count; i += 1) {
    const tile = hashes.subarray(i * bytes, (i + 1) * bytes);
    await tx.query('insert into audit_tile (tenant, level, n, root, hashes) values ($1, $2, $3, $4, $5) on conflict do nothing', [tenant, level, first + i, foldHashes(tile), tile]);
  }
  return count;
}

/** Leaves with index [from, to), which are the numbers from + 1 to `to`. */
async function readLeaves(sql: Sql, tenant: number, from: number, to: number): Promise<Buffer> {
  const rows = await sql.query<{ leaf: Buffer }>('select leaf from audit_event where tenant = $1 and seq > $2 and seq <= $3 order by seq', [tenant, from, to]);
  if (rows.length !== to - from) throw new PrimumError('audit.log-broken', `${rows.length} rows have the ${to - from} numbers from ${from + 1}`);
  return Buffer.concat(rows.map(({ leaf }) => leaf));
}

async function readRoots(sql: Sql, tenant: number, level: number, from: number, to: number): Promise<Buffer> {
  const rows = await sql.query<{ root: Buffer }>('select root from audit_tile where tenant = $1 and level = $2 and n >= $3 and n < $4 order by n', [tenant, level, from, to]);
  if (rows.length !== to - from) throw new PrimumError('audit.log-broken', `${rows.length} tiles of level ${level} where ${to - from} should be, from ${from}`);
  return Buffer.concat(rows.map(({ root }) => root));
}

/** The tree as it stands in the database: full tiles, and what follows them. */
export function tilesIn(sql: Sql, tenant: number): ReadTile {
  return async (level, n, width) => {
    const [tile] = await sql.query<{ hashes: Buffer }>('select hashes from audit_tile where tenant = $1 and level = $2 and n = $3', [tenant, level, n]);
    if (tile !== undefined) return tile.hashes.subarray(0, width * hashBytes);
    const from = n * tileWidth;
    return level === 0 ? readLeaves(sql, tenant, from, from + width) : readRoots(sql, tenant, level - 1, from, from + width);
  };
}
