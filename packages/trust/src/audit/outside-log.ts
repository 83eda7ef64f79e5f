import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashBytes, hashesAt, tileWidth, type ReadTile } from './merkle-tree.ts';
import { openCheckpoint, parseVerifierKey, type Checkpoint, type VerifierKey } from './signed-note.ts';

/**
 * A copy of the log outside the database, in a folder of its own:
 *
 * - `checkpoint`, `tile/L/N` and `tile/L/N.p/W`: the newest checkpoint and the hashes below it, as c2sp.org/tlog-tiles
 *   lays them out, so that any program that reads such logs reads this one;
 * - `checkpoints.ndjson`: every checkpoint there was, one JSON string a line, only ever appended to;
 * - `keys`: the verifier keys, one a line.
 *
 * It holds hashes of salted commitments and signatures, nothing of the events. Copied to a medium or a place that who
 * owns the database can't change, it proves the whole log up to its newest checkpoint.
 */
export type OutsideLog = {
  directory: string;
  keys: VerifierKey[];
  /** In the order of their sizes; only those whose signature is good. */
  checkpoints: Checkpoint[];
  /** How many notes there were that no key has signed. */
  unsigned: number;
};

const checkpointsFile = 'checkpoints.ndjson';

export async function readOutsideLog(directory: string, pinned: readonly VerifierKey[] = []): Promise<OutsideLog> {
  const lines = async (name: string): Promise<string[]> => (await readFile(join(directory, name), 'utf8').catch(missingIs(''))).split('\n').filter((line) => line !== '');
  const keys = pinned.length > 0 ? [...pinned] : (await lines('keys')).map(parseVerifierKey).filter((key) => key !== undefined);
  // The last line may be one that a crash cut off; its checkpoint is written again.
  const notes = (await lines(checkpointsFile)).map(textIn).filter((note) => note !== undefined);
  const opened = notes.map((note) => openCheckpoint(note, keys)).filter((checkpoint) => checkpoint !== undefined);
  return { directory, keys, checkpoints: opened.sort((a, b) => a.size - b.size), unsigned: notes.length - opened.length };
}

/** The last checkpoint that was put here; undefined where there is none that the key has signed. */
export async function newestOutside(directory: string, key: VerifierKey): Promise<Checkpoint | undefined> {
  return openCheckpoint(await readFile(join(directory, 'checkpoint'), 'utf8').catch(missingIs('')), [key]);
}

function textIn(line: string): string | undefined {
  try {
    const note: unknown = JSON.parse(line);
    return typeof note === 'string' ? note : undefined;
  } catch {
    return undefined;
  }
}

/** C2SP tlog-tiles: `x001/x234/067` is 1234067. */
export function tilePath(level: number, n: number, width: number): string {
  const digits = String(n).padStart(Math.ceil(String(n).length / 3) * 3, '0').match(/\d{3}/g) ?? [];
  const name = digits.map((part, i) => (i < digits.length - 1 ? `x${part}` : part)).join('/');
  return `tile/${level}/${name}${width < tileWidth ? `.p/${width}` : ''}`;
}

/** Tiles of a folder. Throws where one is missing or too short. */
export function tilesOutside(directory: string): ReadTile {
  return async (level, n, width) => {
    const full = await readFile(join(directory, tilePath(level, n, tileWidth))).catch(missingIs(undefined));
    const tile = full ?? await readFile(join(directory, tilePath(level, n, width))).catch(async () => readWiderPartial(directory, level, n, width));
    if (tile.length < width * hashBytes) throw new Error('a tile is too short');
    return tile.subarray(0, width * hashBytes);
  };
}

/** An older partial tile is the beginning of a newer one. */
async function readWiderPartial(directory: string, level: number, n: number, width: number): Promise<Buffer> {
  const folder = dirname(join(directory, tilePath(level, n, 1)));
  const wider = (await readdir(folder)).map(Number).filter((other) => other > width).sort((a, b) => a - b)[0];
  return readFile(join(folder, String(wider ?? width)));
}

/**
 * Adds a checkpoint and the tiles below it, each fsynced: tiles first, so that a checkpoint never stands without them.
 * `afterSize` is the size up to which tiles are there.
 */
export async function appendOutside(directory: string, checkpoint: { size: number; note: string; verifierKey: string }, afterSize: number, read: ReadTile): Promise<void> {
  const { size, note, verifierKey } = checkpoint;
  for (let level = 0; hashesAt(level, size) > 0; level += 1) {
    const [from, to] = [hashesAt(level, afterSize), hashesAt(level, size)];
    for (let n = Math.floor(from / tileWidth); n * tileWidth < to; n += 1) {
      const width = Math.min(tileWidth, to - n * tileWidth);
      const path = join(directory, tilePath(level, n, width));
      if (await stat(path).catch(missingIs(undefined)) === undefined) await replaceDurably(path, await read(level, n, width));
      await dropNarrower(directory, level, n, width);
    }
  }
  const keys = await readFile(join(directory, 'keys'), 'utf8').catch(missingIs(''));
  if (!keys.split('\n').includes(verifierKey)) await appendDurably(join(directory, 'keys'), `${verifierKey}\n`);
  await appendDurably(join(directory, checkpointsFile), `${JSON.stringify(note)}\n`);
  await replaceDurably(join(directory, 'checkpoint'), Buffer.from(note));
}

/** What a wider tile holds too. Where nothing may be removed (a write-once folder), they stay. */
async function dropNarrower(directory: string, level: number, n: number, width: number): Promise<void> {
  const folder = dirname(join(directory, tilePath(level, n, 1)));
  for (const name of await readdir(folder).catch(() => [])) {
    if (Number(name) < width) await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
  if (width === tileWidth) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}

async function replaceDurably(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Begins a line of its own, whatever a crash left behind. */
async function appendDurably(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a+', 0o600);
  const { size } = await file.stat();
  try {
    const last = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    await file.writeFile(size > 0 && last.buffer[0] !== 10 ? `\n${line}` : line);
    await file.sync();
  } finally {
    await file.close();
  }
  if (size === 0) await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function missingIs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return value;
    throw error;
  };
}
