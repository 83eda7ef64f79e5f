import pg from 'pg';
import { assert } from '@primum/base';

const { builtins } = pg.types;
const int8Array = 1016;

/** bigint columns are counters and sequences: numbers, and a bug where one passes 2^53. */
export function parseInt8(text: string): number {
  const value = Number(text);
  assert(Number.isSafeInteger(value), 'a bigint beyond 2^53 was read');
  return value;
}

// The list of ids in pg's types lacks the array types that its code has.
const textArray = 1009 as Parameters<typeof pg.types.getTypeParser>[0];
const parseTextArray = pg.types.getTypeParser(textArray, 'text');

/** Of pg's defaults: bytea → Buffer, timestamptz → Date, jsonb → parsed. Changed: int8 → number, date stays text. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (format !== 'binary') {
      if (oid === builtins.INT8) return parseInt8;
      if (oid === builtins.DATE) return (text: string) => text;
      if (oid === int8Array) {
        // pg parses arrays of text; each item is then a text or null.
        return (text: string) => (parseTextArray(text) as (string | null)[]).map((item) => (item === null ? null : parseInt8(item)));
      }
    }
    return pg.types.getTypeParser(oid, format === 'binary' ? 'binary' : 'text');
    // pg's own signature is a set of overloads that no single function can carry.
  }) as pg.CustomTypesConfig['getTypeParser'],
};
