import { PrimumError } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import type { Keys } from '../keys/keys.ts';
import { openAuditEvent } from './audit.ts';
import { clearColumnsOf } from './audit-event.ts';
import { nameFindings, type AuditFinding, type Oddity } from './audit-findings.ts';
import { createFrontier, foldHashes, hashBytes, hashesAt, tileWidth } from './merkle-tree.ts';
import { tilesOutside, readOutsideLog, type OutsideLog } from './outside-log.ts';
import { openCheckpoint, type VerifierKey } from './signed-note.ts';

export type OutsideReport = { directory: string; checkpoints: number; size: number; /** What is wrong with the copy itself, or with the log against it. */ problems: string[] };

/** Everything that is wrong, named; `ok` when nothing is. `checked` rows were opened, hashed again and compared. */
export type AuditVerification = {
  ok: boolean; checked: number; head: number;
  findings: AuditFinding[];
  /** Full tiles in the database that are not those of the leaves: `level/n`. */
  tiles: string[];
  /** Sizes of checkpoints in the database that are forged or sign another tree. */
  checkpoints: number[];
  outside: OutsideReport[];
};

export type VerifyAuditOptions = {
  tenant: number;
  /** Folders that hold a copy of the log (see outside-log); without one, only what contradicts itself can be seen. */
  directories?: readonly string[];
  /** Trusted instead of the keys that lie in the folders. */
  keys?: readonly VerifierKey[];
};

const pageRows = 1_000;
const maxOddities = 100_000;
const maxListed = 1_000;

type Row = { seq: number; id: string; recorded_at: Date; actor: string; action: string; outcome: string; purpose: string; patient_id: string | null; patient_ids: string[] | null; leaf: Buffer; sealed: Buffer };
type Tiles = Map<string, { root: Buffer; hashes: Buffer }>;

/**
 * Verifies the audit log from its events upwards: opens each, hashes it again, compares the columns beside it, the leaf,
 * the tiles and every checkpoint in the database; and then with every checkpoint and every leaf that was copied outside.
 * The copy outside is believed only as far as its own leaves hash to its signed checkpoints. With a copy each altered,
 * removed, inserted, moved or duplicated row is named by its number even where the tree in the database was computed anew;
 * with checkpoints alone the range between two of them is. What is written meanwhile is not looked at.
 */
export function verifyAudit(db: Db, keys: Keys, options: VerifyAuditOptions): Promise<AuditVerification> {
  return db.transaction((tx) => verifyAuditIn(tx, keys, options), { isolation: 'repeatable read' });
}

/**
 * As verifyAudit, of what `sql` sees: one snapshot, or a log that nobody writes to. Otherwise a row that got its number after the head was read
 * stands behind the end of the log, as one that somebody put there.
 */
export async function verifyAuditIn(sql: Sql, keys: Keys, options: VerifyAuditOptions): Promise<AuditVerification> {
  const { tenant, directories = [] } = options;
  if (!keys.has(tenant, { kind: 'tenant' })) throw new PrimumError('trust.key-missing', 'tenant key');
  const outside = await Promise.all(directories.map(async (directory) => checkCopy(await readOutsideLog(directory, options.keys))));
  const best = outside.reduce<CheckedCopy | undefined>((widest, copy) => (copy.leaves.length > (widest?.leaves.length ?? 0) ? copy : widest), undefined);
  const head = (await sql.query<{ seq: number }>('select coalesce(max(seq), 0) as seq from audit_head where tenant = $1', [tenant]))[0]!.seq;
  const tiles = await readTiles(sql, tenant);
  const walked = await walk(sql, keys, tenant, { head, best, tiles });
  const reference = best?.leaves ?? [];
  const badTiles = checkTiles(tiles, (from, to) => walked.leaves.slice(from, to), Math.max(head, reference.length / hashBytes), reference);
  const checkpoints = await checkCheckpoints(sql, tenant, [...options.keys ?? [], ...outside.flatMap(({ log }) => log.keys)], outside, walked.roots);
  for (const copy of outside) compareWithCopy(copy, walked, head);
  const findings = nameFindings(walked.oddities);
  return {
    checked: walked.checked, head, findings, tiles: badTiles, checkpoints,
    outside: outside.map(({ log, size, problems }) => ({ directory: log.directory, checkpoints: log.checkpoints.length, size, problems })),
    ok: findings.length + badTiles.length + checkpoints.length === 0 && outside.every(({ problems }) => problems.length === 0),
  };
}

type CheckedCopy = { log: OutsideLog; /** Up to here its leaves and its checkpoints agree. */ size: number; leaves: Buffer; problems: string[] };

/** Reads the leaves of a copy and believes them up to the last checkpoint that they hash to. */
async function checkCopy(log: OutsideLog): Promise<CheckedCopy> {
  const problems: string[] = log.unsigned === 0 ? [] : [`${log.unsigned} checkpoints carry no signature of a key that is known`];
  if (log.checkpoints.length === 0) problems.push('holds no signed checkpoint');
  const last = log.checkpoints.at(-1)?.size ?? 0;
  const read = tilesOutside(log.directory);
  const parts: Buffer[] = [];
  for (let n = 0; n * tileWidth < last; n += 1) {
    try {
      parts.push(await read(0, n, Math.min(tileWidth, last - n * tileWidth)));
    } catch {
      problems.push(`tile 0/${n} is missing`);
      break;
    }
  }
  const leaves = Buffer.concat(parts);
  const frontier = createFrontier();
  let good = 0;
  for (const { size, root } of log.checkpoints) {
    if (size * hashBytes > leaves.length) break;
    while (frontier.size < size) frontier.push(leaves.subarray(frontier.size * hashBytes, (frontier.size + 1) * hashBytes));
    if (!frontier.root().equals(root)) {
      problems.push(`its leaves are not those of its checkpoint of ${size}`);
      break;
    }
    good = size;
  }
  return { log, size: good, leaves: leaves.subarray(0, good * hashBytes), problems };
}

async function readTiles(sql: Sql, tenant: number): Promise<Tiles> {
  const tiles: Tiles = new Map();
  const rows = await sql.query<{ level: number; n: number; root: Buffer; hashes: Buffer }>('select level, n, root, hashes from audit_tile where tenant = $1', [tenant]);
  for (const { level, n, root, hashes } of rows) tiles.set(`${level}/${n}`, { root, hashes });
  return tiles;
}

type Walked = { checked: number; oddities: Oddity[]; leaves: Buffer[]; roots: Map<number, Buffer>; rootAt(size: number): Buffer | undefined };

/** Every row in the order of its number, and every number without one. */
async function walk(sql: Sql, keys: Keys, tenant: number, { head, best, tiles }: { head: number; best: CheckedCopy | undefined; tiles: Tiles }): Promise<Walked> {
  const reference = best?.leaves ?? Buffer.alloc(0);
  const known = reference.length / hashBytes;
  const dropped = await sql.query<{ from_seq: number; to_seq: number }>('select from_seq, to_seq from audit_segment where tenant = $1 and dropped_at is not null order by from_seq', [tenant]);
  const expectedAt = (seq: number): Buffer | undefined => (seq <= known ? reference.subarray((seq - 1) * hashBytes, seq * hashBytes) : undefined)
    ?? tiles.get(`0/${Math.floor((seq - 1) / tileWidth)}`)?.hashes.subarray(((seq - 1) % tileWidth) * hashBytes, ((seq - 1) % tileWidth + 1) * hashBytes);
  const isDropped = (seq: number): boolean => dropped.some(({ from_seq: from, to_seq: to }) => seq >= from && seq <= to);
  const wanted = new Set((await sql.query<{ size: number }>('select size from audit_checkpoint where tenant = $1', [tenant])).map(({ size }) => size));
  for (const { size } of best?.log.checkpoints ?? []) wanted.add(size);

  const oddities: Oddity[] = [];
  const leaves: Buffer[] = [];
  const roots = new Map<number, Buffer>();
  const frontier = createFrontier();
  const odd = (oddity: Oddity): void => { if (oddities.length < maxOddities) oddities.push(oddity); };
  let checked = 0;
  let next = 1;
  const tail: Oddity[] = []; // sound rows after the last leaf that anything vouches for
  const note = (leaf: Buffer): void => {
    leaves.push(leaf);
    frontier.push(leaf);
    if (wanted.has(frontier.size)) roots.set(frontier.size, frontier.root());
  };
  /** Goes on up to (not including) `seq`, over numbers that have no row. */
  const skipTo = (seq: number): void => {
    for (; next < seq; next += 1) {
      const expected = expectedAt(next);
      if (!(isDropped(next) && expected !== undefined)) odd({ seq: next, expected, actual: [] });
      note(expected ?? Buffer.alloc(hashBytes));
    }
  };
  const last = Math.max(head, known);
  let page = { seq: 0, id: '00000000-0000-0000-0000-000000000000' };
  for (;;) {
    const rows = await sql.query<Row>(
      `select seq, id, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, leaf, sealed
       from audit_event where tenant = $1 and seq is not null and (seq, id) > ($2, $3::uuid) order by seq, id limit ${pageRows}`,
      [tenant, page.seq, page.id],
    );
    for (let at = 0; at < rows.length;) {
      const first = rows[at]!;
      const same = [first];
      while (rows[at + same.length]?.seq === first.seq) same.push(rows[at + same.length]!);
      at += same.length;
      // Rows of one number that a page's end parts are told apart as if the later ones were alone; they are odd all the same.
      skipTo(Math.min(first.seq, last + 1));
      const opened = await Promise.all(same.map(async (row) => ({ row, good: await isUnaltered(keys, tenant, row) })));
      checked += same.length;
      const expected = expectedAt(first.seq);
      const beyond = first.seq > last || first.seq < next;
      const right = opened.filter(({ row, good }) => good && (expected === undefined || row.leaf.equals(expected)));
      if (expected === undefined && !beyond && right.length === 1 && same.length === 1) tail.push({ seq: first.seq, expected, actual: [{ leaf: first.leaf, good: true }] });
      if (beyond || right.length !== 1 || same.length > 1) {
        odd({ seq: first.seq, expected: beyond ? undefined : expected, actual: opened.map(({ row, good }) => ({ leaf: row.leaf, good })), beyond });
      }
      if (!beyond) {
        note(right[0]?.row.leaf ?? first.leaf);
        next = first.seq + 1;
      }
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < pageRows) break;
    page = { seq: end.seq, id: end.id };
  }
  skipTo(last + 1);
  // One of them may be a row that belongs further up.
  const belonging = new Set(oddities.map(({ expected }) => expected?.toString('hex')));
  for (const row of tail) if (belonging.has(row.actual[0]!.leaf.toString('hex'))) odd(row);
  return { checked, oddities, leaves, roots, rootAt: (size) => roots.get(size) };
}

async function isUnaltered(keys: Keys, tenant: number, row: Row): Promise<boolean> {
  try {
    const { event, leaf } = await openAuditEvent(keys, tenant, row.id, row.sealed);
    const said = clearColumnsOf(event);
    // One or several, in one of two columns: a second name beside the others is an alteration too.
    const patients = [...(row.patient_id === null ? [] : [row.patient_id]), ...(row.patient_ids ?? [])];
    return leaf.equals(row.leaf) && event.id === row.id && said.recordedAt === row.recorded_at.toISOString() && said.actor === row.actor
      && said.action === row.action && said.outcome === row.outcome && said.purpose === row.purpose && said.patients.join() === patients.join();
  } catch {
    // It does not open: its body, its id or the key it names is not what was sealed.
    return false;
  }
}

/** Full tiles that are missing, or are not those of the leaves. */
function checkTiles(tiles: Tiles, leavesOf: (from: number, to: number) => Buffer[], size: number, reference: Buffer | readonly never[]): string[] {
  const bad: string[] = [];
  const referenceTile = (n: number): Buffer | undefined => {
    const tile = Buffer.isBuffer(reference) ? reference.subarray(n * tileWidth * hashBytes, (n + 1) * tileWidth * hashBytes) : undefined;
    return tile?.length === tileWidth * hashBytes ? tile : undefined;
  };
  const roots: Buffer[][] = [];
  for (let level = 0; hashesAt(level + 1, size) > 0; level += 1) {
    const below = roots[level - 1];
    const own: Buffer[] = [];
    for (let n = 0; n < hashesAt(level + 1, size); n += 1) {
      const right = level === 0 ? referenceTile(n) ?? Buffer.concat(leavesOf(n * tileWidth, (n + 1) * tileWidth)) : Buffer.concat(below!.slice(n * tileWidth, (n + 1) * tileWidth));
      const root = foldHashes(right);
      own.push(root);
      const stored = tiles.get(`${level}/${n}`);
      if (stored !== undefined && !(stored.hashes.equals(right) && stored.root.equals(root)) && bad.length < maxListed) bad.push(`${level}/${n}`);
    }
    roots.push(own);
  }
  return bad;
}

/** Checkpoints in the database: signed, and of this tree; and none outside that is missing here is needed for that. */
async function checkCheckpoints(sql: Sql, tenant: number, keys: readonly VerifierKey[], outside: readonly CheckedCopy[], roots: ReadonlyMap<number, Buffer>): Promise<number[]> {
  const rows = await sql.query<{ size: number; note: string }>('select size, note from audit_checkpoint where tenant = $1 order by size', [tenant]);
  const copied = new Map(outside.flatMap(({ log }) => log.checkpoints.map(({ size, origin, root }) => [`${origin} ${size}`, root] as const)));
  const bad = rows.filter(({ size, note }) => {
    const opened = keys.length === 0 ? undefined : openCheckpoint(note, keys);
    if (keys.length === 0) return false; // no key to hold them against
    if (opened === undefined || opened.size !== size) return true;
    const copy = copied.get(`${opened.origin} ${size}`);
    return copy === undefined ? roots.get(size)?.equals(opened.root) === false : !copy.equals(opened.root);
  });
  return bad.slice(0, maxListed).map(({ size }) => size);
}

/** The log against each checkpoint outside, also where the copy's own leaves can't be believed. */
function compareWithCopy(copy: CheckedCopy, walked: Walked, head: number): void {
  const last = copy.log.checkpoints.at(-1);
  if (last !== undefined && head < last.size) copy.problems.push(`the log ends at ${head}, before the ${last.size} that were signed`);
  let agreed = 0;
  for (const { size, root } of copy.log.checkpoints) {
    const own = size === 0 ? undefined : walked.rootAt(size);
    if (own === undefined) continue;
    if (own.equals(root)) agreed = size;
    else {
      copy.problems.push(`between ${agreed + 1} and ${size} the log is not the one that was signed`);
      break;
    }
  }
}
