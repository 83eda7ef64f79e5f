import { hash } from 'node:crypto';
import type { Fact } from '@primum/record';

/**
 * A digest of a set of fact rows that grows row by row in any order: the XOR of each row's SHA-256 (a multiset hash in
 * the manner of MSet-XOR-Hash, Clarke et al. 2003). No row stands twice, since a key has one row per sequence. It says
 * whether the record at a pin is still what a score was made from, also where a change would not have moved the score;
 * it is kept sealed, so nobody can work towards one.
 */
export type FactsDigest = Uint8Array;

export const noFacts = (): FactsDigest => new Uint8Array(32);

export function addFacts(digest: FactsDigest, facts: Iterable<Fact>): FactsDigest {
  for (const { key, code, value, text, effectiveAt, seq, status, flag } of facts) {
    const row = hash('sha256', JSON.stringify([key, code, value, text ?? null, effectiveAt, seq, status, flag ?? null]), 'buffer');
    for (let at = 0; at < 32; at += 1) digest[at]! ^= row[at]!; // both have 32 bytes
  }
  return digest;
}

export const hexOf = (digest: FactsDigest): string => Buffer.from(digest).toString('hex');
