import { featureGroups, type Driver, type FeatureGroup } from '@primum/contract';

export type DriverGroup = { group: FeatureGroup; title: string; explains: string; sum: number; drivers: Driver[] };

const words: Readonly<Record<FeatureGroup, { title: string; explains: string }>> = {
  physiology: { title: 'Physiology', explains: 'what was measured on the patient' },
  process: { title: 'Care process', explains: 'what the team did and when, not how the patient is' },
  missing: { title: 'Missing', explains: 'what was not measured' },
};

/** Drivers in their three groups, strongest first within each. Groups without any are left out. */
export function groupDrivers(drivers: readonly Driver[]): DriverGroup[] {
  return featureGroups.flatMap((group) => {
    const own = drivers.filter((driver) => driver.group === group).sort((a, b) => Math.abs(b.points) - Math.abs(a.points));
    return own.length === 0 ? [] : [{ group, ...words[group], sum: own.reduce((sum, { points }) => sum + points, 0), drivers: own }];
  });
}

/** "+0.84", "−0.12", "0.00": points of log-odds, with a true minus sign. */
export function pointsText(points: number): string {
  const text = Math.abs(points).toFixed(2);
  if (Number(text) === 0) return text;
  return `${points > 0 ? '+' : '−'}${text}`;
}
