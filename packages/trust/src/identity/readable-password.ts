import { randomBytes } from 'node:crypto';

const consonants = 'bdfghjklmnprstvz';
const vowels = 'aiou';

/**
 * A random password that a person can read out and type: four proquints (Wilkerson, "A Proposal for Proquints:
 * Identifiers that are Readable, Spellable, and Pronounceable", 2009), 16 bits each, 64 bits in all, like `lusab-babad-gutih-tugad`.
 */
export function readablePassword(random: (bytes: number) => Buffer = randomBytes): string {
  const bits = random(8);
  return [0, 2, 4, 6].map((at) => proquint(bits.readUInt16BE(at))).join('-');
}

function proquint(word: number): string {
  return [
    consonants[word >> 12], vowels[(word >> 10) & 3], consonants[(word >> 6) & 15], vowels[(word >> 4) & 3], consonants[word & 15],
  ].join('');
}
