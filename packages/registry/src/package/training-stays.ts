import { createHash, randomBytes } from 'node:crypto';
import { jsonShape } from '@primum/base';

/**
 * Which stays a model was trained on, so that a replayed one can be marked: salted digests, 66 bits each (two of a
 * million stays collide with probability below 1e-7). The salt is in the file: this is bookkeeping, not anonymisation, and
 * a package trained on a site's own identifiers must treat the file as that site's data.
 */
export type TrainingStays = { salt: string; digests: ReadonlySet<string> };

const { object, list, text } = jsonShape('model.package-invalid');

export function trainingStaysJson(ids: Iterable<string>, salt: string = randomBytes(16).toString('hex')): { salt: string; digests: string[] } {
  return { salt, digests: [...new Set(Array.from(ids, (id) => digestOf(salt, id)))].sort() };
}

export function parseTrainingStays(json: unknown): TrainingStays {
  const root = object(json, 'training stays');
  return { salt: text(root['salt'], 'salt'), digests: new Set(list(root['digests'], 'digests').map((item) => text(item, 'digests'))) };
}

/** Whether the stay with this identifier in its source was among the training data. */
export function isTrainingStay(stays: TrainingStays, id: string): boolean {
  return stays.digests.has(digestOf(stays.salt, id));
}

function digestOf(salt: string, id: string): string {
  return createHash('sha256').update(`${salt}|${id}`).digest('base64').slice(0, 11); // 66 bits
}
