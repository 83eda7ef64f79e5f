/** How many characters of a value can be searched. */
export const prefixLength = 24;
const maxWords = 16;

/** Case and diacritics do not count, nor how much space stands between words (FHIR R4, section 3.1.1.4.8). */
export function normaliseString(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}+/gu, '').toUpperCase().toLowerCase().replace(/\s+/gu, ' ').trim();
}

/** Everything that a search may begin with: the first characters of the value and of its words. */
export function prefixesOf(text: string): Set<string> {
  const whole = normaliseString(text);
  const prefixes = new Set<string>();
  let words = 0;
  for (const { index } of whole.matchAll(/(?:^|(?<=[^\p{L}\p{N}]))[^\s]/gu)) {
    words += 1;
    if (words > maxWords) break;
    const end = index === 0 ? whole.length : wordEnd(whole, index);
    for (let length = 1; length <= Math.min(prefixLength, end - index); length += 1) prefixes.add(whole.slice(index, index + length));
  }
  return prefixes;
}

/** What a search for `text` looks for among the prefixes; longer ones are compared by their beginning. */
export function prefixSought(text: string): string {
  return normaliseString(text).slice(0, prefixLength);
}

function wordEnd(text: string, from: number): number {
  const space = text.indexOf(' ', from);
  return space < 0 ? text.length : space;
}
