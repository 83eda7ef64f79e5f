import { muteConsole } from '@primum/base';
import ucumLhc from '@lhncbc/ucum-lhc';

export const ucum = 'http://unitsofmeasure.org';

/** `dimension`: base units with their powers; what has the same can be compared. */
type Unit = { dimension: string; factor: number; offset: number };
const known = new Map<string, Unit | null>();
const maxUnits = 5_000;

/** A UCUM unit in base units; null for what is none. A scale that is not linear (pH) is its own dimension. */
function unitOf(code: string): Unit | null {
  const cached = known.get(code);
  if (cached !== undefined) return cached;
  if (known.size >= maxUnits) known.clear();
  const unit = convert(code);
  known.set(code, unit);
  return unit;
}

function convert(code: string): Unit | null {
  if (code === '' || code.length > 100) return null;
  const utils = ucumLhc.UcumLhcUtils.getInstance();
  const at = (value: number): { magnitude: number; dimension: string; special: boolean } | null => {
    const restore = muteConsole(); // it would quote what it stumbles over
    try {
      const answer = utils.convertToBaseUnits(code, value);
      return answer.status === 'succeeded' ? { magnitude: answer.magnitude, special: answer.fromUnitIsSpecial, dimension: JSON.stringify(Object.entries(answer.unitToExp).toSorted()) } : null;
    } finally {
      restore();
    }
  };
  const one = at(1);
  if (one === null) return null;
  if (!one.special) return { dimension: one.dimension, factor: one.magnitude, offset: 0 };
  const [two, three] = [at(2), at(3)];
  const factor = (two?.magnitude ?? NaN) - one.magnitude;
  const linear = Math.abs((three?.magnitude ?? NaN) - one.magnitude - 2 * factor) <= 1e-6 * Math.abs(factor);
  return linear ? { dimension: one.dimension, factor, offset: one.magnitude - factor } : { dimension: code, factor: 1, offset: 0 };
}

/** A value in base units, to twelve digits: what two units make of one amount differs beyond them. */
export function canonicalQuantity(value: number, code: string): { value: number; dimension: string } | null {
  const unit = unitOf(code);
  return unit === null ? null : { value: digits(value * unit.factor + unit.offset), dimension: unit.dimension };
}

function digits(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(12)) : value;
}
