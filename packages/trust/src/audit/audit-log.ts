import { copyFile, mkdir, rename } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { asPrimumError, errorFields, PrimumError, type Clock, type Log } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import type { Keys } from '../keys/keys.ts';
import { openLogKey, retireLogKey } from './log-key.ts';
import { rootAt } from './merkle-tree.ts';
import { appendOutside, newestOutside } from './outside-log.ts';
import { checkpointText, openCheckpoint, parseVerifierKey, type Checkpoint, type Signer, type VerifierKey } from './signed-note.ts';
import { appendTiles, tilesIn, treeSize } from './tree.ts';
import { cosign, type Witness } from './witness.ts';

export type AuditLogDeps = { db: Db; keys: Keys; clock: Clock; log: Log };

export type AuditLogOptions = {
  tenant: number;
  /** Folder of the key store. */
  keyDirectory: string;
  /** Folders outside the database, the first of them this home's own; see outside-log. */
  directories: readonly string[];
  witnesses?: readonly Witness[];
  /** A checkpoint at least this often while the log grows; 60,000 ms. */
  everyMs?: number;
};

export type AuditLogState = {
  origin: string;
  verifierKey: string;
  /** The newest checkpoint, as a signed note; null before the first. */
  checkpoint: (Checkpoint & { note: string; madeAt: Date }) | null;
  directories: readonly string[];
  witnesses: number;
  /** Why there is no newer checkpoint: an error's code; null while all is well. */
  trouble: string | null;
};

/** The Merkle log over the audit events: tiles, checkpoints, copies outside. */
export type AuditLog = {
  /** Numbers are given by the sequencer; this takes what has one into the tree and signs its head. */
  checkpoint(): Promise<Checkpoint>;
  state(): Promise<AuditLogState>;
  /** A last checkpoint, then no more. */
  close(): Promise<void>;
};

/**
 * Signs the head of the log every minute while it grows, at the start and at the end. A head is signed only where the tree
 * still begins with the newest checkpoint that lies outside: whoever rewrote rows, tiles and checkpoints in the database
 * gets no signature, but an error in the log and on the console. The checkpoint is committed (and with it every number
 * below it) before it leaves the database, so no crash can take back what was shown outside.
 */
export async function startAuditLog(deps: AuditLogDeps, options: AuditLogOptions): Promise<AuditLog> {
  const { db, log } = deps;
  const { tenant, keyDirectory, directories, witnesses = [], everyMs = 60_000 } = options;
  const signer = await openLogKey({ keys: deps.keys, directory: keyDirectory }, tenant);
  let trouble: string | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  const round = async (): Promise<Checkpoint> => {
    try {
      await appendTiles(db, tenant);
      const { checkpoint, note } = await sign(deps, signer, tenant, directories);
      await witnessed(deps, tenant, { checkpoint, note }, witnesses);
      await copyOut(db, tenant, signer, directories);
      if (trouble !== null) log.info('audit.checkpoint-again', {});
      trouble = null;
      return checkpoint;
    } catch (error) {
      log.error('audit.no-checkpoint', errorFields(error));
      const known = asPrimumError(error, 'audit.checkpoint-failed');
      trouble = known.code;
      throw known;
    }
  };
  const inTurn = (): Promise<Checkpoint> => {
    const mine = turn.then(round);
    turn = mine.catch(() => undefined);
    return mine;
  };

  // The first start signs an empty log; what it then does should not wait a minute for its first checkpoint.
  const soon = setTimeout(() => void inTurn().catch(() => undefined), Math.min(5_000, everyMs));
  const timer = setInterval(() => void inTurn().catch(() => undefined), everyMs);
  await inTurn().catch(() => undefined);
  return {
    checkpoint: inTurn,
    state: async () => ({
      origin: signer.name, verifierKey: signer.verifierKey, directories, witnesses: witnesses.length, trouble,
      checkpoint: await newestCheckpoint(db, tenant, signer),
    }),
    close: async () => {
      clearInterval(timer);
      clearTimeout(soon);
      await inTurn().catch(() => undefined);
    },
  };
}

async function newestCheckpoint(sql: Sql, tenant: number, signer: Signer): Promise<AuditLogState['checkpoint']> {
  const [row] = await sql.query<{ note: string; made_at: Date }>('select note, made_at from audit_checkpoint where tenant = $1 and starts_with(note, $2) order by size desc limit 1', [tenant, `${signer.name}\n`]);
  const checkpoint = row === undefined ? undefined : openCheckpoint(row.note, [keyOf(signer)]);
  return checkpoint === undefined || row === undefined ? null : { ...checkpoint, note: row.note, madeAt: row.made_at };
}

function keyOf(signer: Signer): VerifierKey {
  return parseVerifierKey(signer.verifierKey)!; // as createSigner wrote it
}

async function sign({ db, clock }: AuditLogDeps, signer: Signer, tenant: number, directories: readonly string[]): Promise<{ checkpoint: Checkpoint; note: string }> {
  const size = await treeSize(db, tenant);
  const read = tilesIn(db, tenant);
  for (const directory of directories) {
    const newest = await newestOutside(directory, keyOf(signer));
    if (newest === undefined) continue;
    if (newest.size > size) throw new PrimumError('audit.log-behind', `${size} of ${newest.size} that were signed`);
    if (!(await rootAt(read, newest.size)).equals(newest.root)) throw new PrimumError('audit.log-altered', `before number ${newest.size}`);
  }
  const root = await rootAt(read, size);
  const text = checkpointText(signer.name, size, root);
  const note = signer.sign(text);
  // A synchronous commit: it flushes the numbers below it too, which the sequencer gave without waiting for the disk.
  const [made] = await db.query<{ note: string }>(
    `insert into audit_checkpoint (tenant, size, made_at, note) values ($1, $2, $3, $4)
     on conflict (tenant, size) do update set note = case when starts_with(audit_checkpoint.note, $5) then audit_checkpoint.note else excluded.note end returning note`,
    [tenant, size, clock.now(), note, text],
  );
  return { checkpoint: { origin: signer.name, size, root, text }, note: made?.note ?? note };
}

/** Each folder gets the checkpoints that it lacks, so that one that was away or full catches up. */
async function copyOut(db: Db, tenant: number, signer: Signer, directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    const last = (await newestOutside(directory, keyOf(signer)))?.size;
    const missing = await db.query<{ size: number; note: string }>('select size, note from audit_checkpoint where tenant = $1 and size > $2 order by size', [tenant, last ?? -1]);
    let after = Math.max(0, last ?? 0);
    for (const { size, note } of missing) {
      if (!note.startsWith(`${signer.name}\n`)) continue; // of a log that was set aside
      await appendOutside(directory, { size, note, verifierKey: signer.verifierKey }, after, tilesIn(db, tenant));
      after = size;
    }
  }
}

/** A witness that is away costs its cosignature, not the checkpoint. */
async function witnessed({ db, log }: AuditLogDeps, tenant: number, made: { checkpoint: Checkpoint; note: string }, witnesses: readonly Witness[]): Promise<void> {
  const { size } = made.checkpoint;
  let { note } = made;
  for (const witness of witnesses) {
    if (note.includes(`\n— ${witness.key.name} `)) continue;
    try {
      const [seen] = await db.query<{ size: number }>(
        'select coalesce(max(size), 0) as size from audit_checkpoint where tenant = $1 and size < $2 and position($3 in note) > 0', [tenant, size, `\n— ${witness.key.name} `],
      );
      note += await cosign(witness, note, size, seen?.size ?? 0, tilesIn(db, tenant));
      await db.query('update audit_checkpoint set note = $3 where tenant = $1 and size = $2', [tenant, size, note]);
    } catch (error) {
      log.warn('audit.not-witnessed', { ...errorFields(error), address: witness.key.name });
    }
  }
}

/**
 * After a restore the database is older than what was signed, and no head of it can follow. The log that was is set
 * aside under its folder's name and `suffix`, still to be verified against, and the next start begins one of a new
 * origin and key over what was restored.
 */
export async function setLogAside(options: { tenant: number; keyDirectory: string; directories: readonly string[]; suffix: string }): Promise<void> {
  const { tenant, keyDirectory, directories, suffix } = options;
  for (const directory of directories) {
    if (!existsSync(directory)) continue;
    await rename(directory, `${directory}.${suffix}`);
    // Its checkpoints stay in the database; their key stays known.
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await copyFile(join(`${directory}.${suffix}`, 'keys'), join(directory, 'keys'));
  }
  retireLogKey(keyDirectory, tenant, suffix);
}

/** Where a home keeps its own copy. */
export function outsideDirectory(home: string, tenant: number): string {
  return join(home, 'checkpoints', String(tenant));
}
