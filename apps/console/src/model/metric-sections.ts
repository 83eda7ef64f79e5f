/**
 * A package's metrics, whatever its trainer wrote, as tables: scalars and intervals become rows of a section's table,
 * lists of records a table of their own, everything nested a section beneath. Bounded in depth and length.
 */
export type MetricSection = { title: string; rows: { name: string; text: string }[]; tables: { title: string; head: string[]; rows: string[][] }[]; sections: MetricSection[] };

const deepest = 5;
const longestList = 200;

export function metricSections(title: string, metrics: unknown, depth = 0): MetricSection {
  const section: MetricSection = { title, rows: [], tables: [], sections: [] };
  if (!isRecord(metrics)) return section;
  for (const [key, value] of Object.entries(metrics)) {
    const name = wordsOf(key);
    const text = scalarText(value);
    if (text !== null) {
      section.rows.push({ name, text });
    } else if (Array.isArray(value)) {
      section.tables.push({ title: name, ...tableOf(value.slice(0, longestList)) });
    } else if (isRecord(value) && isTable(value)) {
      section.tables.push({ title: name, ...tableOf(Object.entries(value).map(([group, cells]) => ({ group: wordsOf(group), ...Object(cells) }))) });
    } else if (depth < deepest) {
      section.sections.push(metricSections(name, value, depth + 1));
    }
  }
  return section;
}

/** Records with the same kind of cells under each key: one row per key. */
const isTable = (value: Record<string, unknown>): boolean =>
  Object.values(value).length > 1 && Object.values(value).every((cells) => isRecord(cells) && scalarText(cells) === null && Object.values(cells).every((cell) => scalarText(cell) !== null));

function tableOf(records: readonly unknown[]): { head: string[]; rows: string[][] } {
  const rows = records.map(flattened);
  const keys = [...new Set(rows.flatMap((row) => (isRecord(row) ? Object.keys(row) : ['value'])))];
  return {
    head: keys.map(wordsOf),
    rows: rows.map((row) => keys.map((key) => cellText(isRecord(row) ? row[key] : key === 'value' ? row : undefined))),
  };
}

/** A record with the records in it spread beside its own cells: a group's figures stand in its row. */
function flattened(row: unknown): unknown {
  if (!isRecord(row)) return row;
  return Object.fromEntries(Object.entries(row).flatMap(([key, value]) => (isRecord(value) && scalarText(value) === null ? Object.entries(value) : [[key, value]])));
}

const cellText = (value: unknown): string => (value === undefined ? '' : scalarText(value) ?? JSON.stringify(value));

/** A number, a word, or a value with its interval: "0.831 (0.826 to 0.836)". Null for anything else. */
export function scalarText(value: unknown): string | null {
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null) return '—';
  if (!isRecord(value)) return null;
  const point = value['value'] ?? value['estimate'] ?? value['point'];
  const [low, high] = [value['low'] ?? value['lower'], value['high'] ?? value['upper']];
  if (typeof point !== 'number' || typeof low !== 'number' || typeof high !== 'number') return null;
  return `${numberText(point)} (${numberText(low)} to ${numberText(high)})`;
}

const numberText = (value: number): string => (Number.isInteger(value) ? value.toLocaleString('en') : String(Number(value.toPrecision(4))));

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** "alertsPer100PatientDays" → "alerts per 100 patient days"; what is in capitals stays so. */
export function wordsOf(key: string): string {
  return key.replaceAll('_', ' ').replace(/([a-z])(\d)|([a-z\d])(?=[A-Z][a-z])/g, (_, a?: string, b?: string, c?: string) => (a === undefined ? `${c ?? ''} ` : `${a} ${b ?? ''}`)).replace(/\b[A-Z][a-z]+/g, (word) => word.toLowerCase());
}
