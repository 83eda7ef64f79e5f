import type { Keys } from '@primum/trust';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Under which id a resource's rows stand: its own where that is a lower-case UUID, else a keyed UUID (version 8, RFC
 * 9562) of type and id. An id that a client chose may be a record number; it stays in the sealed body alone.
 */
export function rowIdOf(keys: Pick<Keys, 'token'>, tenant: number, type: string, id: string): string {
  return uuid.test(id) ? id : uuidOf(keys.token(tenant, 'identifier', JSON.stringify(['resource', type, id])));
}

/** The first 16 bytes of a token as a UUID of version 8. */
export function uuidOf(token: Buffer): string {
  const bytes = Buffer.from(token.subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The key of what an Observation, or one of its components by its place (`factsOfObservation`), says on the timeline. */
export function factKeyOf(keys: Pick<Keys, 'token'>, tenant: number, observationId: string, component: string): string {
  return component === '' ? observationId : rowIdOf(keys, tenant, 'Observation.component', `${observationId} ${component}`);
}
