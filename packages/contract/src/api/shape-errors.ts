import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** What of an answer is not as its schema says, a phrase each with its place; empty where it fits. For tests and clients. */
export function shapeErrors(schema: TSchema, answer: unknown): string[] {
  return [...Value.Errors(schema, answer)].map(({ instancePath, message }) => `${instancePath || '/'} ${message}`);
}
