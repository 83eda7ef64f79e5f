import { seededRandom } from '../gbdt/random.ts';

/**
 * A fold for each stay: stays of one stratum (site and outcome) are shuffled and dealt out in turn, so that folds have
 * the strata's shares and no stay lies in two. Deterministic under the seed.
 */
export function assignFolds(strata: readonly string[], folds: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const byStratum = new Map<string, number[]>();
  strata.forEach((stratum, stay) => {
    const members = byStratum.get(stratum);
    if (members === undefined) byStratum.set(stratum, [stay]);
    else members.push(stay);
  });
  const assigned = new Uint8Array(strata.length);
  let next = 0;
  for (const stratum of [...byStratum.keys()].sort()) {
    const members = byStratum.get(stratum)!; // its own keys
    for (let at = members.length - 1; at > 0; at -= 1) {
      const other = Math.floor(random() * (at + 1));
      [members[at], members[other]] = [members[other]!, members[at]!]; // Fisher–Yates
    }
    for (const stay of members) {
      assigned[stay] = next;
      next = (next + 1) % folds;
    }
  }
  return assigned;
}
