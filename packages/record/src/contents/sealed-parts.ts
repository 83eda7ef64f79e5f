import { createHash } from 'node:crypto';
import { PrimumError } from '@primum/base';
import type { Objects, Sql } from '@primum/store';
import type { Keys, PhiReader } from '@primum/trust';

/** A content among the objects, as its row says. */
export type StoredContent = { id: string; patientId: string | null; size: number; partBytes: number; digests: readonly string[] };

const partBytes = 4 * 1024 * 1024;
const partAad = (id: string, n: number): string => `content|${id}|${n}`;

/**
 * Puts a content of any length among the objects, in parts of 4 MiB, each sealed by itself and on disk before the next is
 * begun: what is in memory is two parts, whatever it weighs. Parts are bound to the content and their place by what they are
 * sealed with. `patientId`: whose key, which must have been ensured; null: the tenant's. Throws content.too-large past
 * `maxBytes`; what was written by then is removed. `sha1`: base64, for Attachment.hash.
 */
export async function storeParts(
  { keys, objects }: { keys: Pick<Keys, 'seal'>; objects: Objects }, tenant: number, content: { id: string; patientId: string | null }, source: AsyncIterable<Uint8Array>, maxBytes: number,
): Promise<StoredContent & { sha1: string }> {
  const { id, patientId } = content;
  const digests: string[] = [];
  const hash = createHash('sha1');
  let size = 0;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const put = async (part: Uint8Array): Promise<void> => {
    digests.push(await objects.put(keys.seal(tenant, patientId === null ? { kind: 'tenant' } : { kind: 'patient', patientId }, part, partAad(id, digests.length))));
  };
  try {
    for await (const bytes of source) {
      size += bytes.length;
      if (size > maxBytes) throw new PrimumError('content.too-large');
      hash.update(bytes);
      held.push(bytes);
      heldBytes += bytes.length;
      if (heldBytes < partBytes) continue;
      const all = Buffer.concat(held, heldBytes);
      let at = 0;
      for (; all.length - at >= partBytes; at += partBytes) await put(all.subarray(at, at + partBytes));
      held = at < all.length ? [all.subarray(at)] : [];
      heldBytes = all.length - at;
    }
    if (heldBytes > 0) await put(Buffer.concat(held, heldBytes));
  } catch (error) {
    for (const digest of digests) await objects.remove(digest).catch(() => false); // the sweep's
    throw error;
  }
  return { id, patientId, size, partBytes, digests, sha1: hash.digest('base64') };
}

/**
 * After a transaction that failed: what was stored for it goes, unless nobody knows whether it was committed. Then the
 * sweep of objects decides, by its row.
 */
export async function discardParts(objects: Pick<Objects, 'remove'>, contents: readonly StoredContent[], error: unknown): Promise<void> {
  if (error instanceof PrimumError && error.code === 'store.unreachable') return;
  for (const { digests } of contents) for (const digest of digests) await objects.remove(digest).catch(() => false); // the sweep's
}

/** Opens it from `start` to before `end` (bytes), one part in memory at a time. */
export async function* openParts(reader: Pick<PhiReader, 'open' | 'openUnassigned'>, objects: Pick<Objects, 'get'>, content: StoredContent, start = 0, end = content.size): AsyncGenerator<Buffer> {
  for (let n = Math.floor(start / content.partBytes); n * content.partBytes < end && n < content.digests.length; n += 1) {
    const sealed = await objects.get(content.digests[n]!);
    const aad = partAad(content.id, n);
    const plain = content.patientId === null ? await reader.openUnassigned(sealed, aad) : await reader.open(sealed, content.patientId, aad);
    const from = n * content.partBytes;
    yield plain.subarray(Math.max(0, start - from), Math.min(plain.length, end - from));
  }
}

export async function insertContent(tx: Sql, tenant: number, content: StoredContent, of?: { resourceId: string; version: number }): Promise<void> {
  await tx.query('insert into content (tenant, id, resource_id, resource_version, patient_id, size, part_bytes, digests) values ($1, $2, $3, $4, $5, $6, $7, $8)', [
    tenant, content.id, of?.resourceId ?? null, of?.version ?? null, content.patientId, content.size, content.partBytes, content.digests.map((digest) => Buffer.from(digest, 'hex')),
  ]);
}

type Row = { id: string; patient_id: string | null; size: number; part_bytes: number; digests: Buffer[] };
const contentOf = (row: Row): StoredContent => ({ id: row.id, patientId: row.patient_id, size: row.size, partBytes: row.part_bytes, digests: row.digests.map((digest) => digest.toString('hex')) });

/** Of a version of a Binary: the newest content that is not newer. */
export async function contentOfBinary(sql: Sql, tenant: number, resourceId: string, version: number): Promise<StoredContent | null> {
  const [row] = await sql.query<Row>('select id, patient_id, size, part_bytes, digests from content where tenant = $1 and resource_id = $2 and resource_version <= $3 order by resource_version desc limit 1', [tenant, resourceId, version]);
  return row === undefined ? null : contentOf(row);
}

export async function contentById(sql: Sql, tenant: number, id: string): Promise<StoredContent | null> {
  const [row] = await sql.query<Row>('select id, patient_id, size, part_bytes, digests from content where tenant = $1 and id = $2', [tenant, id]);
  return row === undefined ? null : contentOf(row);
}

/** Removes rows and gives the objects that are to go once that is committed. */
export async function dropContents(tx: Sql, tenant: number, ids: readonly string[]): Promise<string[]> {
  const rows = await tx.query<{ digests: Buffer[] }>('delete from content where tenant = $1 and id = any($2::uuid[]) returning digests', [tenant, ids]);
  return rows.flatMap(({ digests }) => digests.map((digest) => digest.toString('hex')));
}

/** Objects that hold contents of these patients: they go with them. */
export async function contentObjects(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ digests: Buffer[] }>('select digests from content where tenant = $1 and patient_id = any($2::uuid[])', [tenant, patientIds]);
  return rows.flatMap(({ digests }) => digests.map((digest) => digest.toString('hex')));
}
