import type { Feature } from '@primum/datasets';
import { displayUnit } from './display-unit.ts';

/** One input of a score in clinical words, unit included: "118 /min", "+0.40 mmol/L", "not measured". NaN = missing. */
export function inputText(feature: Feature, value: number): string {
  if (Number.isNaN(value)) return 'not measured';
  if (feature.unit === '{code}') return value === 1 ? 'yes' : 'no';
  if (feature.aggregate === 'hours-measured') return `${value.toFixed(0)} of ${feature.windowHours ?? 0} h`;
  const changes = feature.aggregate === 'slope' || feature.aggregate === 'delta';
  const number = signed(value, feature.precision, changes);
  const unit = displayUnit(feature.unit);
  return unit === '' ? number : `${number} ${unit}`;
}

/** With a real minus sign; a change that rounds to zero has none. */
function signed(value: number, precision: number, plus: boolean): string {
  const text = Math.abs(value).toFixed(precision);
  if (Number(text) === 0) return text;
  return value < 0 ? `−${text}` : plus ? `+${text}` : text;
}
