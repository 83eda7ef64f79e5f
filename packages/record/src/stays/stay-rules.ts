import { readFileSync } from 'node:fs';
import { PrimumError } from '@primum/base';

/** What a ward or a type of location means: `unit` is the kind of ICU (MICU, SICU …), `ward` what it is called here. */
export type WardRule = { icu: boolean; unit?: string; ward?: string };

/** How Encounters that come by FHIR are read: which places are an ICU, which dispositions mean death. Data: fhir/stays.json, and a hospital's own. */
export type StayRules = {
  /** By `system|code` of Location.type. */
  icuTypes: ReadonlyMap<string, WardRule>;
  /** By name in lower case. */
  wards: ReadonlyMap<string, WardRule>;
  /** `system|code` of Encounter.hospitalization.dischargeDisposition. */
  deathDispositions: ReadonlySet<string>;
};

let shipped: StayRules | undefined;

/** The shipped rules; with a hospital's own file its entries stand over them, one by one. Throws config.invalid. */
export function loadStayRules(own?: string): StayRules {
  // Under version control and test.
  shipped ??= parse(readFileSync(new URL('../../fhir/stays.json', import.meta.url), 'utf8'));
  const text = own === undefined ? undefined : textOf(own);
  if (text === undefined) return shipped;
  const over = parse(text);
  return {
    icuTypes: new Map([...shipped.icuTypes, ...over.icuTypes]), wards: new Map([...shipped.wards, ...over.wards]),
    deathDispositions: new Set([...shipped.deathDispositions, ...over.deathDispositions]),
  };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const known = new Set(['icuTypes', 'wards', 'deathDispositions']);

function parse(text: string): StayRules {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid('no JSON');
  }
  const root = object(json, 'the whole');
  for (const name of Object.keys(root)) if (!known.has(name)) throw invalid(name);
  const dispositions = root['deathDispositions'] ?? [];
  if (!Array.isArray(dispositions) || !dispositions.every((one) => typeof one === 'string')) throw invalid('deathDispositions');
  const rules = (name: string): [string, WardRule][] => Object.entries(object(root[name] ?? {}, name)).map(([key, value]) => [key, rule(object(value, `${name}.${key}`), `${name}.${key}`)]);
  return { icuTypes: new Map(rules('icuTypes')), wards: new Map(rules('wards').map(([key, value]) => [key.toLowerCase(), value])), deathDispositions: new Set(dispositions) };
}

function rule({ icu, unit, ward }: Record<string, unknown>, at: string): WardRule {
  if (typeof icu !== 'boolean' || (unit !== undefined && typeof unit !== 'string') || (ward !== undefined && typeof ward !== 'string')) throw invalid(at);
  return { icu, ...(unit === undefined ? {} : { unit }), ...(ward === undefined ? {} : { ward }) };
}

function object(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(at);
  return value as Record<string, unknown>; // an object of JSON
}

const invalid = (at: string): PrimumError => new PrimumError('config.invalid', `stays.json: ${at}`);
