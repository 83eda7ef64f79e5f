import { CellFault, instantOfCell, numberOf, textOfCell, type Row } from './cells.ts';
import type { TableMapping } from './table-mapping.ts';

/**
 * A template with its `{column}`s filled: a string that is one placeholder becomes the cell (`|number` a number, `|date`
 * its day, `|instant` an instant), within other text its words. An element whose cell is missing is left out, and with it
 * what holds nothing else.
 */
export function fillTemplate(template: unknown, row: Row, mapping: TableMapping, patientId: string | undefined): unknown {
  if (typeof template === 'string') return fillText(template, row, mapping, patientId);
  if (Array.isArray(template)) {
    const items = template.map((item) => fillTemplate(item, row, mapping, patientId)).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (typeof template !== 'object' || template === null) return template;
  const entries = Object.entries(template).map(([name, value]) => [name, fillTemplate(value, row, mapping, patientId)] as const).filter(([, value]) => value !== undefined);
  // A system without its code, say, was there for the cell that is missing.
  const fixed = Object.entries(template).filter(([, value]) => typeof value === 'string' && !value.includes('{')).length;
  const lost = Object.keys(template).length > entries.length;
  return entries.length === 0 || (lost && entries.length === fixed && !('resourceType' in template)) ? undefined : Object.fromEntries(entries);
}

function fillText(text: string, row: Row, mapping: TableMapping, patientId: string | undefined): unknown {
  const [, only, as] = /^\{([^{}|]+)(?:\|(number|date|instant))?\}$/.exec(text) ?? [];
  const cellOf = (column: string): string | undefined => (column === 'patient' ? patientId : textOfCell(row, column, mapping));
  if (only !== undefined) {
    const value = cellOf(only);
    if (value === undefined) return undefined;
    if (as === 'number') return numberOf(only, value);
    if (as === 'date') return dateOf(only, value);
    if (as === 'instant') return new Date(instantOfCell(row, { column: only, format: 'iso', ...zoneOfMapping(mapping) }, mapping)).toISOString();
    return value;
  }
  let lost = false;
  const filled = text.replace(/\{([^{}|]+)\}/g, (_, column: string) => {
    const value = cellOf(column);
    lost ||= value === undefined;
    return value ?? '';
  });
  return lost ? undefined : filled;
}

function dateOf(column: string, text: string): string {
  const [day] = /^\d{4}(-\d\d(-\d\d)?)?/.exec(text) ?? [];
  if (day === undefined || (day.length === 10 && Number.isNaN(Date.parse(day)))) throw new CellFault(column, 'table.value-invalid');
  return day;
}

/** Times of a table are in one zone: that of the first rule that names one. */
function zoneOfMapping({ rules }: TableMapping): { offsetAt?: (localMs: number) => number } {
  for (const rule of rules) if (rule.kind === 'observation' && rule.time.offsetAt !== undefined) return { offsetAt: rule.time.offsetAt };
  return {};
}
