import type { MatrixStay } from '@primum/datasets';

/** A group of stays by one property; `stays` are indices. */
export type Subgroup = { by: string; group: string; stays: number[] };

/**
 * Below these numbers a group's figures would say more about chance than about the model: it is named as not assessed.
 * 50 septic stays give a sensitivity a standard error of at most 7 points.
 */
export const minimumStays = 200;
export const minimumSepticStays = 50;

const ageBands: readonly [string, number][] = [['18 to 44', 45], ['45 to 64', 65], ['65 to 79', 80], ['80 and older', Number.POSITIVE_INFINITY]];

/** Groups by site, sex, age band and ICU type; a stay whose property is unknown is in a group `unknown` of its own. */
export function subgroupsOf(stays: readonly MatrixStay[], siteOf: (stay: MatrixStay) => string): Subgroup[] {
  const properties: [string, (stay: MatrixStay) => string][] = [
    ['site', siteOf],
    ['sex', ({ male }) => (male === null ? 'unknown' : male === 1 ? 'male' : 'female')],
    ['age', ({ ageYears }) => ageBands.find(([, below]) => ageYears !== null && ageYears < below)?.[0] ?? 'unknown'],
    ['ICU type', ({ unit }) => unit ?? 'unknown'],
  ];
  return properties.flatMap(([by, groupOf]) => {
    const groups = new Map<string, number[]>();
    stays.forEach((stay, index) => {
      const group = groupOf(stay);
      const members = groups.get(group);
      if (members === undefined) groups.set(group, [index]);
      else members.push(index);
    });
    return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([group, members]) => ({ by, group, stays: members }));
  });
}
