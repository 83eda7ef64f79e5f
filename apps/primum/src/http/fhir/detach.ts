import type { Binary } from '@medplum/fhirtypes';
import { uuidv7 } from '@primum/base';
import { insertContent, patientIdOf, rowIdOf, storeParts, type StoredContent, type WriteOperation, type Written } from '@primum/record';
import type { Sql } from '@primum/store';
import { tenant, type Core } from '../../core.ts';

/** Base64 of more than 64 KiB does not stay in a row. */
const longestInline = 87_384;
const maxDepth = 40;

/** What was taken out of resources, and where it lies now. */
export type Detached = { operations: WriteOperation[]; contents: { of: string; content: StoredContent }[] };

/**
 * Takes large `data` of Attachments and Binaries out of resources (FHIR R4, Attachment): it goes among the objects, sealed
 * under the same patient's key, and a Binary that is written in the same transaction stands for it, with `url`, `size` and
 * `hash` in its place. Call `undo` where that transaction fails.
 */
export async function detachData(core: Core, operations: readonly WriteOperation[]): Promise<Detached & { within(tx: Sql, written: readonly Written[]): Promise<void>; undo(): Promise<void> }> {
  const detached: Detached = { operations: [], contents: [] };
  for (const operation of operations) {
    if (operation.kind === 'delete' || !holdsLarge(operation.resource)) {
      detached.operations.push(operation);
      continue;
    }
    const resource = structuredClone(operation.resource);
    const patient = patientIdOf(resource);
    const patientId = patient === null ? null : rowIdOf(core.keys, tenant, 'Patient', patient);
    if (patientId !== null) await core.keys.ensure(tenant, [{ kind: 'patient', patientId }]);
    const binaries: WriteOperation[] = [];
    const store = async (data: string, of: string): Promise<StoredContent & { sha1: string }> => {
      const content = await storeParts(core, tenant, { id: uuidv7(), patientId }, chunksOf(data), Number.MAX_SAFE_INTEGER);
      detached.contents.push({ of, content });
      return content;
    };
    if (resource.resourceType === 'Binary') {
      await store(resource.data ?? '', rowIdOf(core.keys, tenant, 'Binary', resource.id ?? ''));
      delete resource.data;
    } else {
      await walk(resource, async (holder) => {
        const id = uuidv7();
        const { size, sha1 } = await store(holder.data, id);
        const contentType = typeof holder['contentType'] === 'string' ? holder['contentType'] : 'application/octet-stream';
        const binary: Binary = { resourceType: 'Binary', id, contentType, ...(patient === null ? {} : { securityContext: { reference: `Patient/${patient}` } }) };
        binaries.push({ kind: 'create', resource: binary });
        const { data: _data, ...rest } = holder;
        return { ...rest, url: `Binary/${id}`, size, hash: sha1 };
      });
    }
    detached.operations.push({ ...operation, resource }, ...binaries);
  }
  return {
    ...detached,
    within: async (tx, written) => {
      for (const { of, content } of detached.contents) {
        const version = written.find((one) => one.type === 'Binary' && rowIdOf(core.keys, tenant, 'Binary', one.id) === of)?.version ?? 1;
        await insertContent(tx, tenant, content, { resourceId: of, version });
      }
    },
    undo: async () => {
      for (const { content } of detached.contents) for (const digest of content.digests) await core.objects.remove(digest).catch(() => false);
    },
  };
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

