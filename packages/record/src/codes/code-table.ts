import { jsonShape } from '@primum/base';

const { object, list, text, number, oneOf, invalid } = jsonShape('features.invalid');

/** What the platform knows of one code: its canonical unit (UCUM), its plausible range in that unit, how it is shown. */
export type CodeEntry = {
  code: string;
  display: string;
  short: string;
  unit: string;
  category: 'vital-signs' | 'laboratory' | 'demographic' | 'encounter';
  /** Inclusive, canonical unit. A value outside is kept out of the features as missing, flagged. */
  plausible: readonly [number, number];
  /** Decimals to show. */
  precision: number;
  /** Other units a source may send: canonical = value · factor + offset. */
  conversions?: Readonly<Record<string, { factor: number; offset?: number }>>;
};

/** A source's local names, and the ranges it narrows where its own distribution shows mixed units. */
export type CodeSource = {
  title: string;
  columns: Readonly<Record<string, { code: string; unit: string }>>;
  ranges: readonly { code: string; plausible: readonly [number, number]; reason: string }[];
};

export type CodeTable = {
  id: string;
  version: string;
  byCode: ReadonlyMap<string, CodeEntry>;
  sources: ReadonlyMap<string, CodeSource>;
};

/** Reads a pack's `codes.json`; throws `features.invalid` with the place of the first mistake. */
export function parseCodeTable(json: unknown): CodeTable {
  const root = object(json, 'codes.json');
  const byCode = new Map<string, CodeEntry>();
  for (const [index, item] of list(root['codes'], 'codes').entries()) {
    const entry = codeEntry(object(item, `codes[${index}]`), `codes[${index}]`);
    if (byCode.has(entry.code)) throw invalid(`codes[${index}]: ${entry.code} stands twice`);
    byCode.set(entry.code, entry);
  }
  const sources = new Map<string, CodeSource>();
  for (const [name, item] of Object.entries(object(root['sources'], 'sources'))) {
    sources.set(name, codeSource(object(item, `sources.${name}`), `sources.${name}`, byCode));
  }
  return { id: text(root['id'], 'id'), version: text(root['version'], 'version'), byCode, sources };
}

/**
 * A source's value in the code's canonical unit. An unknown unit or an implausible value becomes missing and flagged:
 * it neither feeds a model nor vanishes. `unit` undefined or '' is taken as canonical only where the source's mapping
 * says so, hence the caller resolves it first.
 */
export function normaliseValue(
  table: CodeTable,
  input: { source: string; code: string; value: number; unit: string },
): { value: number | null; flag?: 'implausible' | 'unit-unknown' | 'unmapped' } {
  const entry = table.byCode.get(input.code);
  if (entry === undefined) return { value: null, flag: 'unmapped' };
  let value = input.value;
  if (input.unit !== entry.unit) {
    const conversion = entry.conversions?.[input.unit];
    if (conversion === undefined) return { value: null, flag: 'unit-unknown' };
    value = value * conversion.factor + (conversion.offset ?? 0);
  }
  const narrowed = table.sources.get(input.source)?.ranges.find((range) => range.code === input.code);
  const [low, high] = narrowed?.plausible ?? entry.plausible;
  return value >= low && value <= high ? { value } : { value: null, flag: 'implausible' };
}

function codeEntry(item: Record<string, unknown>, at: string): CodeEntry {
  const entry: CodeEntry = {
    code: text(item['code'], `${at}.code`),
    display: text(item['display'], `${at}.display`),
    short: text(item['short'], `${at}.short`),
    unit: text(item['unit'], `${at}.unit`),
    category: oneOf(item['category'], ['vital-signs', 'laboratory', 'demographic', 'encounter'], `${at}.category`),
    plausible: range(item['plausible'], `${at}.plausible`),
    precision: number(item['precision'], `${at}.precision`),
  };
  if (item['conversions'] === undefined) return entry;
  const conversions: Record<string, { factor: number; offset?: number }> = {};
  for (const [unit, value] of Object.entries(object(item['conversions'], `${at}.conversions`))) {
    const conversion = object(value, `${at}.conversions.${unit}`);
    conversions[unit] = {
      factor: number(conversion['factor'], `${at}.conversions.${unit}.factor`),
      ...(conversion['offset'] === undefined ? {} : { offset: number(conversion['offset'], `${at}.conversions.${unit}.offset`) }),
    };
  }
  return { ...entry, conversions };
}

function codeSource(item: Record<string, unknown>, at: string, byCode: ReadonlyMap<string, CodeEntry>): CodeSource {
  const known = (value: unknown, place: string): string => {
    const code = text(value, place);
    if (!byCode.has(code)) throw invalid(`${place}: ${code} is not in codes`);
    return code;
  };
  const columns: Record<string, { code: string; unit: string }> = {};
  for (const [name, value] of Object.entries(object(item['columns'], `${at}.columns`))) {
    const column = object(value, `${at}.columns.${name}`);
    columns[name] = { code: known(column['code'], `${at}.columns.${name}.code`), unit: text(column['unit'], `${at}.columns.${name}.unit`) };
  }
  const ranges = list(item['ranges'], `${at}.ranges`).map((value, index) => {
    const narrowed = object(value, `${at}.ranges[${index}]`);
    return {
      code: known(narrowed['code'], `${at}.ranges[${index}].code`),
      plausible: range(narrowed['plausible'], `${at}.ranges[${index}].plausible`),
      reason: text(narrowed['reason'], `${at}.ranges[${index}].reason`),
    };
  });
  return { title: text(item['title'], `${at}.title`), columns, ranges };
}

function range(value: unknown, at: string): readonly [number, number] {
  const [low, high, ...rest] = list(value, at);
  if (rest.length > 0 || number(low, at) > number(high, at)) throw invalid(`${at} is not a range`);
  return [number(low, at), number(high, at)];
}
