import { normaliseValue, type CodeEntry, type CodeTable, type Fact } from '@primum/record';
import type { ResultReading } from '../reading/message-reading.ts';
import type { MappingTable } from './mapping-table.ts';

/** A result after its source's mapping: what the fact holds, and what the Observation says beside what was sent. */
export type MappedResult = {
  /** LOINC, `primum:…`, or `local:…` where the code is not mapped. */
  code: string;
  entry: CodeEntry | undefined;
  /** UCUM of the unit that was sent; undefined where it is not known. */
  ucum: string | undefined;
  /** In the code's canonical unit; null = missing. */
  value: number | null;
  flag?: NonNullable<Fact['flag']>;
  /** The sender's own text, so its precision, where the fact's unit is the sender's. */
  text?: string;
  /** What the mapping lacks, to be counted and shown. */
  unmapped?: 'code' | 'unit';
};

const longestText = 16;

/**
 * Local code → LOINC, unit → UCUM → canonical unit, then the plausible range. Nothing is dropped: an unmapped code or
 * unit and an implausible value become missing, flagged. A value with a comparator (`<0.1`) or in words is missing
 * without a flag: no number was sent.
 */
export function mapResult(mapping: MappingTable, codes: CodeTable, result: ResultReading): MappedResult {
  const mapped = mapping.codes.get(result.code.id)
    ?? knownLoinc(codes, result.code.system, result.code.id)
    ?? knownLoinc(codes, result.code.alternateSystem, result.code.alternateId)
    ?? mapping.codes.get(result.code.alternateId);
  if (mapped === undefined) {
    return { code: `local:${result.code.id.slice(0, 64)}`, entry: undefined, ucum: mapping.units.get(result.unit), value: null, flag: 'unmapped', unmapped: 'code' };
  }
  const { code, values } = mapped;
  const entry = codes.byCode.get(code);
  if (values !== undefined) {
    const value = values[result.text.trim()] ?? null;
    return { code, entry, ucum: undefined, value, ...(value === null ? { flag: 'unmapped', unmapped: 'code' } : {}) };
  }
  const ucum = result.unit === '' ? mapped.unit : mapping.units.get(result.unit) ?? knownUnit(entry, result.unit);
  if (result.number === null) return { code, entry, ucum, value: null };
  if (ucum === undefined) return { code, entry, ucum, value: null, flag: 'unit-unknown', unmapped: 'unit' };
  const normalised = normaliseValue(codes, { source: mapping.codeSource, code, value: result.number, unit: ucum });
  const range = mapping.ranges.get(code);
  const outside = normalised.value !== null && range !== undefined && (normalised.value < range[0] || normalised.value > range[1]);
  const { value, flag } = outside ? { value: null, flag: 'implausible' as const } : normalised;
  return {
    code,
    entry,
    ucum,
    value,
    ...(flag === undefined ? {} : { flag }),
    ...(flag === 'unit-unknown' ? { unmapped: 'unit' as const } : {}),
    ...(value !== null && ucum === entry?.unit && result.text.length <= longestText ? { text: result.text } : {}),
  };
}

function knownLoinc(codes: CodeTable, system: string, id: string): { code: string; values?: undefined; unit?: undefined } | undefined {
  return system === 'LN' && codes.byCode.has(id) ? { code: id } : undefined;
}

/** A sender that writes UCUM itself needs no line in the mapping. */
function knownUnit(entry: CodeEntry | undefined, unit: string): string | undefined {
  return entry !== undefined && (unit === entry.unit || entry.conversions?.[unit] !== undefined) ? unit : undefined;
}
