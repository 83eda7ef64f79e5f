import type { Driver } from '@primum/contract';
import { expect, it } from 'vitest';
import { groupDrivers, pointsText } from './group-drivers.ts';

const driver = (feature: string, group: Driver['group'], points: number): Driver => ({ feature, label: feature, group, value: null, unit: '', text: '', points });

it('keeps physiology, care process and missing apart, strongest first, and loses no points', () => {
  const drivers = [driver('a', 'missing', 0.1), driver('b', 'physiology', 0.2), driver('c', 'physiology', -0.9), driver('d', 'process', 0.3)];
  const groups = groupDrivers(drivers);
  expect(groups.map(({ group, drivers: own }) => [group, own.map(({ feature }) => feature).join('')])).toEqual([['physiology', 'cb'], ['process', 'd'], ['missing', 'a']]);
  expect(groups.reduce((sum, group) => sum + group.sum, 0)).toBeCloseTo(drivers.reduce((sum, { points }) => sum + points, 0), 12);
});

it('writes points with their sign', () => {
  expect([0.844, -0.12, 0.001, -0.001].map(pointsText)).toEqual(['+0.84', '−0.12', '0.00', '0.00']);
});
