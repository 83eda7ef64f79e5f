import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { SequenceValue, TableCopied } from '@primum/store';
import { openBackupKey, openStream, sealStream, type Keys } from '@primum/trust';
import { PrimumError } from '@primum/base';
import { writeDurably } from './backup-folder.ts';

/** What a backup holds. It lies sealed beside the key that opens it; being sealed, it is authentic too. */
export type Manifest = {
  format: 1;
  id: string;
  /** The moment that is restored: what was committed by then is in it. */
  snapshotAt: string;
  finishedAt: string;
  /** Where the database lay: in the home, or at DATABASE_URL. */
  mode: 'embedded' | 'external';
  schemaVersion: number;
  /** In the order in which they are filled. */
  tables: (TableCopied & { part: string; storedBytes: number })[];
  sequences: SequenceValue[];
  /** Heads of the logs at that moment. */
  heads: { log: 'stream' | 'audit'; tenant: number; seq: number }[];
  newestMessageAt: string | null;
  objects: { count: number; part: string };
  /** Files of the home that are neither database, key nor log. */
  files: { path: string; part: string }[];
};

export async function writeManifest(folder: string, manifest: Manifest, key: KeyObject, sealedKey: Buffer): Promise<void> {
  const sealed = Buffer.concat(await Array.fromAsync(sealStream(key, partName(manifest.id, 'manifest'), Readable.from([Buffer.from(JSON.stringify(manifest))]))));
  await writeDurably(join(folder, 'manifest'), Buffer.from(`${JSON.stringify({ id: manifest.id, key: sealedKey.toString('base64'), manifest: sealed.toString('base64') })}\n`));
}

/** Opens a backup with this key store. Throws backup.damaged, trust.key-missing and trust.sealed-corrupt. */
export async function readManifest(directory: string, id: string, keys: Keys): Promise<{ manifest: Manifest; key: KeyObject }> {
  const { key: sealedKey, manifest } = await readOuter(join(directory, id, 'manifest'));
  const key = await openBackupKey(keys, id, Buffer.from(sealedKey, 'base64'));
  const plain = Buffer.concat(await Array.fromAsync(openStream(key, partName(id, 'manifest'), Readable.from([Buffer.from(manifest, 'base64')]))));
  // Sealed by writeManifest under this id, so it has that shape.
  return { manifest: JSON.parse(plain.toString()) as Manifest, key };
}

async function readOuter(path: string): Promise<{ key: string; manifest: string }> {
  try {
    const outer: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof outer === 'object' && outer !== null && 'key' in outer && 'manifest' in outer && typeof outer.key === 'string' && typeof outer.manifest === 'string') {
      return { key: outer.key, manifest: outer.manifest };
    }
  } catch { /* said below */ }
  throw new PrimumError('backup.damaged', 'the manifest cannot be read');
}

/** What a part is sealed as: it opens in its backup only. */
export function partName(id: string, part: string): string {
  return `${id}/${part}`;
}
