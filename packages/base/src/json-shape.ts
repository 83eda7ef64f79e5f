import type { ErrorCode } from '@primum/contract';
import { PrimumError } from './errors.ts';

/**
 * Checks that parsed JSON has the shape that its reader expects, and names the place where it has not. For files that
 * come with a pack or a package; what comes over the network is validated by the contract's schemas.
 */
export type JsonShape = {
  object(value: unknown, at: string): Record<string, unknown>;
  list(value: unknown, at: string): unknown[];
  text(value: unknown, at: string): string;
  number(value: unknown, at: string): number;
  oneOf<T extends string>(value: unknown, allowed: readonly T[], at: string): T;
  invalid(detail: string): PrimumError;
};

export function jsonShape(code: ErrorCode): JsonShape {
  const invalid = (detail: string): PrimumError => new PrimumError(code, detail);
  return {
    invalid,
    object(value, at) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${at} is not an object`);
      return value as Record<string, unknown>; // an object that is no array has string keys
    },
    list(value, at) {
      if (!Array.isArray(value)) throw invalid(`${at} is not a list`);
      return value;
    },
    text(value, at) {
      if (typeof value !== 'string' || value === '') throw invalid(`${at} is not a text`);
      return value;
    },
    number(value, at) {
      if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(`${at} is not a number`);
      return value;
    },
    oneOf(value, allowed, at) {
      const found = allowed.find((item) => item === value);
      if (found === undefined) throw invalid(`${at} is not one of ${allowed.join(', ')}`);
      return found;
    },
  };
}
