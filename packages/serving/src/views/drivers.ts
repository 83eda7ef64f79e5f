import type { Driver } from '@primum/contract';
import type { FeatureSet } from '@primum/datasets';
import type { PredictionPayload } from '../scoring/payload.ts';
import { displayUnit } from './display-unit.ts';
import { inputText } from './input-text.ts';

/** What moved a score, strongest first, in log-odds points; a missing input is in a group of its own. */
export function driversOf(featureSet: FeatureSet, { inputs, contributions }: Pick<PredictionPayload, 'inputs' | 'contributions'>): Driver[] {
  if (contributions === null) return [];
  return featureSet.features
    .map((feature, index): Driver => {
      const value = inputs[index]!;
      return {
        feature: feature.name,
        label: feature.label,
        group: Number.isNaN(value) ? 'missing' : feature.group,
        value: Number.isNaN(value) ? null : value,
        unit: displayUnit(feature.unit),
        text: inputText(feature, value),
        points: contributions[index]!,
      };
    })
    .filter(({ points }) => points !== 0)
    .toSorted((a, b) => Math.abs(b.points) - Math.abs(a.points));
}
