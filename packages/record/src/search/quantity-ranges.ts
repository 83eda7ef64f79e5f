import { canonicalQuantity, ucum } from './quantities.ts';
import type { SearchTokens } from './search-tokens.ts';
import { isObject } from './walk.ts';

export type ParamRange = { param: number; lo: number; hi: number };

const params = new WeakMap<SearchTokens, Map<string, number>>();
const maxKept = 20_000;

/** The number of a range, kept: places and units are few. */
export function quantityParam(tokens: SearchTokens, place: string, kind: 'value' | 'canonical' | 'unit', unit: string): number {
  let kept = params.get(tokens);
  if (kept === undefined || kept.size > maxKept) params.set(tokens, kept = new Map());
  const key = `${place}|${kind}|${unit}`;
  let param = kept.get(key);
  if (param === undefined) kept.set(key, param = tokens.rangeParam(place, kind, unit));
  return param;
}

/**
 * A Quantity, Range, Money or SampledData as ranges: by its bare value, in base units where its unit is UCUM's, and under
 * its unit as given where that says something else (FHIR R4, section 3.1.1.4.13).
 */
export function quantityRanges(tokens: SearchTokens, place: string, value: unknown, dataType: string): ParamRange[] {
  const { range, system, code, unit } = amountOf(value, dataType);
  if (range === null) return [];
  const ranges: ParamRange[] = [{ param: quantityParam(tokens, place, 'value', ''), ...range }];
  const canonical = system === ucum || system === '' ? canonicalRange(range, code === '' ? unit : code) : null;
  if (canonical !== null) ranges.push({ param: quantityParam(tokens, place, 'canonical', canonical.dimension), lo: canonical.lo, hi: canonical.hi });
  for (const given of new Set([code, unit, code === '' || system === '' || system === ucum ? '' : `${system}|${code}`])) {
    if (given === '' || (canonical !== null && given === code)) continue;
    ranges.push({ param: quantityParam(tokens, place, 'unit', given), ...range });
  }
  return ranges;
}

type Ends = { lo: number; hi: number };

/** Both ends in base units, the lower one first. */
export function canonicalRange({ lo, hi }: Ends, unit: string): (Ends & { dimension: string }) | null {
  const [low, high] = [canonicalQuantity(lo, unit), canonicalQuantity(hi, unit)];
  return low === null || high === null ? null : { dimension: low.dimension, lo: Math.min(low.value, high.value), hi: Math.max(low.value, high.value) };
}

type Amount = { range: Ends | null; system: string; code: string; unit: string };
const none: Amount = { range: null, system: '', code: '', unit: '' };
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function amountOf(value: unknown, dataType: string): Amount {
  if (!isObject(value)) return none;
  if (dataType === 'Range') {
    const [low, high] = [amountOf(value['low'], 'Quantity'), amountOf(value['high'], 'Quantity')];
    if (low.range === null && high.range === null) return none;
    return { ...(low.range === null ? high : low), range: { lo: low.range?.lo ?? -Infinity, hi: high.range?.hi ?? Infinity } };
  }
  if (dataType === 'SampledData') {
    const origin = amountOf(value['origin'], 'Quantity');
    const { lowerLimit, upperLimit } = value;
    return typeof lowerLimit === 'number' || typeof upperLimit === 'number'
      ? { ...origin, range: { lo: typeof lowerLimit === 'number' ? lowerLimit : -Infinity, hi: typeof upperLimit === 'number' ? upperLimit : Infinity } } : none;
  }
  const amount = value['value'];
  if (typeof amount !== 'number') return none;
  if (dataType === 'Money') return { range: { lo: amount, hi: amount }, system: 'urn:iso:std:iso:4217', code: textOf(value['currency']), unit: '' };
  const { comparator } = value;
  const below = comparator === '<' || comparator === '<=';
  const above = comparator === '>' || comparator === '>=';
  return { range: { lo: below ? -Infinity : amount, hi: above ? Infinity : amount }, system: textOf(value['system']), code: textOf(value['code']), unit: textOf(value['unit']) };
}

/** A number or Range of a number parameter. */
export function numberRange(value: unknown): Ends | null {
  return typeof value === 'number' ? { lo: value, hi: value } : amountOf(value, 'Range').range;
}
