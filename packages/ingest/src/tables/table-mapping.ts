import { jsonShape, PrimumError } from '@primum/base';
import { zoneOffset } from '@primum/formats';

/** A cell, or its translation by a table of words: a word that is not in it is not known. */
export type Cell = { column: string; map?: Readonly<Record<string, string>> };
export type TimeCell = { column: string; format: 'iso' | 'epoch-ms' | 'epoch-s'; /** Minutes east of UTC at a local time (as if it were UTC), for times that name no offset. */ offsetAt?: (localMs: number) => number };

export type ObservationRule = { kind: 'observation'; code: string | Cell; system: string; display?: string; value: Cell; valueKind: 'number' | 'text'; unit: string | Cell; time: TimeCell; category: 'vital-signs' | 'laboratory' | undefined };
export type TemplateRule = { kind: 'resource'; template: Readonly<Record<string, unknown>> & { resourceType: string }; /** Columns that must hold something, else the rule says nothing of the row. */ when: readonly string[] };

export type TableMapping = {
  /** Part of every id: the same rows under another name are other resources. */
  name: string;
  delimiter: string;
  missing: ReadonlySet<string>;
  /** Columns that tell rows apart; every mapped column where absent. A row with the same key and other content corrects the former. */
  key: readonly string[] | undefined;
  patient: { column: string; authority: string | null; create: boolean; template: Readonly<Record<string, unknown>> } | undefined;
  rules: readonly (ObservationRule | TemplateRule)[];
  /** All that is read. */
  columns: readonly string[];
};

const { object, list, text, oneOf, invalid } = jsonShape('table.mapping-invalid');
const placeholder = /\{([^{}|]+)(?:\|(number|date|instant))?\}/g;

/** Reads a mapping (docs/tables.md). Throws table.mapping-invalid with the place of the first mistake. */
export function parseTableMapping(json: unknown): TableMapping {
  const root = object(json, 'mapping');
  oneOf(root['format'], ['primum-table/1'], 'format');
  const columns = new Set<string>();
  const column = (value: unknown, at: string): string => {
    const name = text(value, at);
    columns.add(name);
    return name;
  };
  const cell = (value: unknown, at: string): Cell => {
    const said = object(value, at);
    const map = said['map'] === undefined ? undefined : Object.fromEntries(Object.entries(object(said['map'], `${at}.map`)).map(([from, to]) => [from, text(to, `${at}.map.${from}`)]));
    return { column: column(said['column'], `${at}.column`), ...(map === undefined ? {} : { map }) };
  };
  const wordOrCell = (value: unknown, at: string): string | Cell => (typeof value === 'string' ? value : cell(value, at));
  const time = (value: unknown, at: string): TimeCell => {
    const said = object(value, at);
    const format = said['format'] === undefined ? 'iso' : oneOf(said['format'], ['iso', 'epoch-ms', 'epoch-s'], `${at}.format`);
    return { column: column(said['column'], `${at}.column`), format, ...(said['zone'] === undefined ? {} : { offsetAt: zoneOf(text(said['zone'], `${at}.zone`), `${at}.zone`) }) };
  };
  const named = (value: unknown): void => {
    if (typeof value === 'string') for (const [, name = ''] of value.matchAll(placeholder)) { if (name !== 'patient') columns.add(name); }
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(named);
  };
  const rules = list(root['resources'], 'resources').map((item, n): ObservationRule | TemplateRule => {
    const at = `resources[${n}]`;
    const said = object(item, at);
    if (said['observation'] !== undefined) {
      const inner = object(said['observation'], `${at}.observation`);
      const valueKind = inner['valueKind'] === undefined ? 'number' : oneOf(inner['valueKind'], ['number', 'text'], `${at}.observation.valueKind`);
      const category = inner['category'] === undefined ? undefined : oneOf(inner['category'], ['vital-signs', 'laboratory'], `${at}.observation.category`);
      return {
        kind: 'observation', valueKind, category, code: wordOrCell(inner['code'], `${at}.observation.code`), system: inner['system'] === undefined ? 'http://loinc.org' : text(inner['system'], `${at}.observation.system`),
        value: cell(inner['value'], `${at}.observation.value`), unit: inner['unit'] === undefined ? '' : wordOrCell(inner['unit'], `${at}.observation.unit`), time: time(inner['time'], `${at}.observation.time`),
        ...(inner['display'] === undefined ? {} : { display: text(inner['display'], `${at}.observation.display`) }),
      };
    }
    const template = object(said['resource'], `${at}.resource`);
    const resourceType = text(template['resourceType'], `${at}.resource.resourceType`);
    if (!/^[A-Z][A-Za-z]+$/.test(resourceType) || template['id'] !== undefined) throw invalid(`${at}.resource: a type of FHIR, without an id`);
    named(template);
    return { kind: 'resource', template: { ...template, resourceType }, when: said['when'] === undefined ? [] : list(said['when'], `${at}.when`).map((name, m) => column(name, `${at}.when[${m}]`)) };
  });
  if (rules.length === 0 || rules.length > 200) throw invalid('resources: 1 to 200');
  const patient = root['patient'] === undefined ? undefined : patientOf(object(root['patient'], 'patient'), column, named);
  const delimiter = root['delimiter'] === undefined ? ',' : text(root['delimiter'], 'delimiter');
  if (delimiter.length !== 1) throw invalid('delimiter: one character');
  return {
    name: text(root['name'], 'name'), delimiter, patient, rules,
    missing: new Set(root['missing'] === undefined ? ['', 'NA', 'NaN', 'null', 'NULL'] : ['', ...list(root['missing'], 'missing').map(String)]),
    key: root['key'] === undefined ? undefined : list(root['key'], 'key').map((name, n) => column(name, `key[${n}]`)),
    columns: [...columns],
  };
}

function patientOf(said: Record<string, unknown>, column: (value: unknown, at: string) => string, named: (value: unknown) => void): NonNullable<TableMapping['patient']> {
  const template = said['template'] === undefined ? {} : object(said['template'], 'patient.template');
  named(template);
  const authority = said['authority'] === undefined ? null : text(said['authority'], 'patient.authority');
  const create = said['create'] === true;
  if (create && authority === null) throw invalid('patient.create needs patient.authority');
  return { column: column(said['column'], 'patient.column'), authority, create, template };
}

/** `+01:00`, `Z` or an IANA name. */
function zoneOf(zone: string, at: string): (localMs: number) => number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(zone) ?? [];
  if (zone === 'Z') return () => 0;
  if (sign !== undefined) {
    const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1);
    return () => offset;
  }
  try {
    const offset = zoneOffset(zone);
    return typeof offset === 'number' ? () => offset : offset;
  } catch (error) {
    throw error instanceof PrimumError ? invalid(`${at} is no time zone`) : error;
  }
}
