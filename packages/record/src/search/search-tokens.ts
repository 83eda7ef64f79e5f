import { hash } from 'node:crypto';
import type { Keys } from '@primum/trust';
import { rowIdOf } from '../repository/row-id.ts';

/**
 * Tokens of one tenant: 64 bits of a keyed HMAC over the place (type and path) and what stands there. Those of references
 * to resources are an unkeyed hash of row ids, which are random, so that a chain of parameters can be followed inside the
 * database (`referenceTokenSql`).
 */
export type SearchTokens = {
  of(place: string, kind: TokenKind, value: string): bigint;
  /** `id`: as FHIR has it. */
  reference(place: string, type: string, id: string): bigint;
  /** A number for values that are compared as ranges; 31 bits. */
  rangeParam(place: string, kind: string, value: string): number;
};

/**
 * `code` system|code, `bare` a code of any system, `system`; `typed` an identifier with its type; `prefix`, `exact` of
 * strings; `uri`, `below` its beginnings; `logical` the identifier in a reference; `group` two components that stand
 * together; `year`, `month`, `day` of birth, `whole` where no more than that is known; `present` that there is any value.
 */
export type TokenKind = 'code' | 'bare' | 'system' | 'typed' | 'prefix' | 'exact' | 'uri' | 'below' | 'logical' | 'group' | 'born' | 'whole' | 'present';

export function createSearchTokens(keys: Pick<Keys, 'token'>, tenant: number): SearchTokens {
  return {
    of: (place, kind, value) => keys.token(tenant, 'search', `${place}|${kind}|${value}`).readBigInt64BE(0),
    reference: (place, type, id) => hash('md5', referenceText(place, type, rowIdOf(keys, tenant, type, id)), 'buffer').readBigInt64BE(0),
    rangeParam: (place, kind, value) => keys.token(tenant, 'search', `${place}|range ${kind}|${value}`).readInt32BE(0) & 0x7fff_ffff,
  };
}

const referenceText = (place: string, type: string, rowId: string): string => `${place}|${type}/${rowId}`;

/** The token of a reference at `place` to rows of `type` whose ids the expression `id` gives. */
export function referenceTokenSql(place: string, type: string, id: string): string {
  return `('x' || left(md5('${place}|${type}/' || ${id}::text), 16))::bit(64)::bigint`;
}
