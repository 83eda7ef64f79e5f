import type { Binary, Resource } from '@medplum/fhirtypes';
import { uuidv7 } from '@primum/base';
import type { Objects } from '@primum/store';
import type { Keys } from '@primum/trust';
import { cloneFhir } from '../resources/exact-decimals.ts';
import { storeParts, type StoredContent } from './sealed-parts.ts';

/** Base64 of more than 64 KiB does not stay in a row. */
const longestInline = 87_384;
const maxDepth = 40;

/** A resource without its large data, what stands for them, and where each lies now: `of` is the id of a Binary. */
export type Detached<T> = { resource: T; binaries: (Binary & { id: string })[]; contents: { of: string; content: StoredContent }[] };

/**
 * Takes large `data` of Attachments and Binaries out of a resource (FHIR R4, Attachment): they go among the objects, sealed
 * under the same patient's key, which must have been ensured, and a Binary stands for each, with `url`, `size` and `hash` in
 * its place. Binaries and contents (`insertContent`) are written in the resource's transaction; call `discardParts` where
 * that fails. `patient`: whose it is, by row id and by FHIR id.
 */
export async function detachData<T extends Resource>(
  deps: { keys: Pick<Keys, 'seal'>; objects: Objects }, tenant: number, original: T, patient: { rowId: string; id: string } | null,
): Promise<Detached<T>> {
  const detached: Detached<T> = { resource: cloneFhir(original), binaries: [], contents: [] };
  const store = async (data: string, of: string): Promise<StoredContent & { sha1: string }> => {
    const content = await storeParts(deps, tenant, { id: uuidv7(), patientId: patient?.rowId ?? null }, chunksOf(data), Number.MAX_SAFE_INTEGER);
    detached.contents.push({ of, content });
    return content;
  };
  const { resource } = detached;
  if (resource.resourceType === 'Binary') {
    await store(resource.data ?? '', resource.id ?? '');
    delete resource.data;
    return detached;
  }
  await walk(resource, async (holder) => {
    const id = uuidv7();
    const { size, sha1 } = await store(holder.data, id);
    const contentType = typeof holder['contentType'] === 'string' ? holder['contentType'] : 'application/octet-stream';
    detached.binaries.push({ resourceType: 'Binary', id, contentType, ...(patient === null ? {} : { securityContext: { reference: `Patient/${patient.id}` } }) });
    const { data: _data, ...rest } = holder;
    return { ...rest, url: `Binary/${id}`, size, hash: sha1 };
  });
  return detached;
}

/** Whether some of its data would be taken out. */
export function holdsLarge(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || depth > maxDepth) return false;
  if (Array.isArray(value)) return value.some((one) => holdsLarge(one, depth + 1));
  const { data } = value as { data?: unknown };
  if (typeof data === 'string' && data.length > longestInline) return true;
  return Object.values(value).some((inner) => holdsLarge(inner, depth + 1));
}

type Holder = Record<string, unknown> & { data: string };

/** Replaces every object that holds large data; SampledData, whose `data` are numbers in words, stays as it is. */
async function walk(value: object, replace: (holder: Holder) => Promise<object>, depth = 0): Promise<void> {
  if (depth > maxDepth) return;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner !== 'object' || inner === null) continue;
    const { data, origin } = inner as { data?: unknown; origin?: unknown };
    if (typeof data === 'string' && data.length > longestInline && origin === undefined) (value as Record<string, unknown>)[name] = await replace(inner as Holder); // its data is a string
    else await walk(inner as object, replace, depth + 1);
  }
}

async function* chunksOf(base64: string): AsyncGenerator<Buffer> {
  const step = 4 * 262_144;
  for (let at = 0; at < base64.length; at += step) yield Buffer.from(base64.slice(at, at + step), 'base64');
}
