/** Uniform numbers in [0, 1) from a 32-bit seed: sfc32 (Doty-Humphrey, PractRand), the same on every machine. */
export function seededRandom(seed: number): () => number {
  let a = 0;
  let b = seed | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let warmUp = 0; warmUp < 12; warmUp += 1) next();
  return next;
}

/** `take` of the items without replacement, in their old order (selection sampling, Knuth TAOCP 2, 3.4.2 S). */
export function sampleInOrder<T>(items: ArrayLike<T>, take: number, random: () => number, put: (item: T) => void): void {
  let wanted = Math.min(take, items.length);
  for (let index = 0; wanted > 0; index += 1) {
    if ((items.length - index) * random() >= wanted) continue;
    put(items[index] as T); // index < length: wanted never exceeds what is left
    wanted -= 1;
  }
}
