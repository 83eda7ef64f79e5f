import { jsonShape } from '@primum/base';
import type { CodeTable } from '@primum/record';

const { object, list, text, number, invalid } = jsonShape('config.invalid');

/** What a source's local code means. */
export type MappedCode = {
  /** LOINC, or `primum:…`; stands in the code table. */
  code: string;
  /** UCUM unit to take where OBX-6 is empty. */
  unit?: string;
  /** Values of coded answers. */
  values?: Readonly<Record<string, number>>;
};

export type MappedLocation = { icu: boolean; unit?: string; ward?: string };

/**
 * How one kind of source speaks: local codes → LOINC, local units → UCUM, points of care (PV1-3.1) → wards. A table is
 * data (`mappings/NAME.json`); its mistakes are found when it is loaded, against the code table.
 */
export type MappingTable = {
  id: string;
  version: string;
  title: string;
  codes: ReadonlyMap<string, MappedCode>;
  units: ReadonlyMap<string, string>;
  locations: ReadonlyMap<string, MappedLocation>;
  /** PV1-36 values (table 0112) that say that the patient died. */
  deathDispositions: ReadonlySet<string>;
  /** The name under which the code table narrows plausible ranges. */
  codeSource: string;
  /** Plausible ranges (canonical unit, inclusive) that this source narrows further. */
  ranges: ReadonlyMap<string, readonly [number, number]>;
};

/** Reads a mapping; throws `config.invalid` with the place of the first mistake. `columnsOf` takes over a source's columns of the code table. */
export function parseMappingTable(json: unknown, codes: CodeTable): MappingTable {
  const root = object(json, 'mapping');
  const id = text(root['id'], 'id');
  const mapped = new Map<string, MappedCode>();
  if (root['columnsOf'] !== undefined) {
    const source = codes.sources.get(text(root['columnsOf'], 'columnsOf'));
    if (source === undefined) throw invalid(`${id}: columnsOf names no source of the code table`);
    for (const [name, column] of Object.entries(source.columns)) mapped.set(name, column);
  }
  for (const [name, value] of Object.entries(object(root['codes'], 'codes'))) {
    mapped.set(name, mappedCode(object(value, `codes.${name}`), `${id}: codes.${name}`, codes));
  }
  const units = new Map(Object.entries(object(root['units'], 'units')).map(([name, value]) => [name, text(value, `units.${name}`)]));
  const locations = new Map(Object.entries(object(root['locations'], 'locations')).map(([name, value]) => [name, mappedLocation(object(value, `locations.${name}`))]));
  const dispositions = list(root['deathDispositions'] ?? [], 'deathDispositions').map((value, index) => text(value, `deathDispositions[${index}]`));
  const ranges = new Map<string, readonly [number, number]>();
  for (const [code, value] of Object.entries(object(root['ranges'] ?? {}, 'ranges'))) {
    const [low, high] = list(value, `ranges.${code}`);
    ranges.set(code, [number(low, `ranges.${code}[0]`), number(high, `ranges.${code}[1]`)]);
  }
  return {
    id,
    version: text(root['version'], 'version'),
    title: text(root['title'], 'title'),
    codes: mapped,
    units,
    locations,
    deathDispositions: new Set(dispositions),
    codeSource: root['codeSource'] === undefined ? id : text(root['codeSource'], 'codeSource'),
    ranges,
  };
}

function mappedCode(item: Record<string, unknown>, at: string, codes: CodeTable): MappedCode {
  const code = text(item['code'], `${at}.code`);
  const entry = codes.byCode.get(code);
  if (entry === undefined) throw invalid(`${at}: ${code} is not in the code table`);
  const mapped: MappedCode = { code };
  if (item['unit'] !== undefined) {
    mapped.unit = text(item['unit'], `${at}.unit`);
    if (mapped.unit !== entry.unit && entry.conversions?.[mapped.unit] === undefined) throw invalid(`${at}: ${mapped.unit} does not convert to ${entry.unit}`);
  }
  if (item['values'] !== undefined) {
    mapped.values = Object.fromEntries(Object.entries(object(item['values'], `${at}.values`)).map(([name, value]) => [name, number(value, `${at}.values.${name}`)]));
  }
  return mapped;
}

function mappedLocation(item: Record<string, unknown>): MappedLocation {
  return {
    icu: item['icu'] === true,
    ...(item['unit'] === undefined ? {} : { unit: text(item['unit'], 'unit') }),
    ...(item['ward'] === undefined ? {} : { ward: text(item['ward'], 'ward') }),
  };
}
