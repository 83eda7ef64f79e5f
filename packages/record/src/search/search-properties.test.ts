import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Observation, Patient, Resource } from '@medplum/fhirtypes';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrimumError, systemClock, uuidv7 } from '@primum/base';
import { errorCatalogue } from '@primum/contract';
import type { Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, mintSystemPrincipal, openKeys, withPhiReader, type Audit, type Keys, type Policy } from '@primum/trust';
import { readPatientFacts } from '../patients/read-patient-facts.ts';
import { writeVersions } from '../repository/write-versions.ts';
import { createSearchIndex } from './extract.ts';
import { parseSearch } from './parse-search.ts';
import { searchResources } from './search-resources.ts';

/** What the database finds is what plain reading of FHIR R4, section 3.1.1.5, finds, over random resources and random criteria. */
const tenant = 1;
let db: Db;
let drop: () => Promise<void>;
let keys: Keys;
let directory: string;
let reading: { audit: Audit; policy: Policy };
const observations: Observation[] = [];
const patients: Patient[] = [];

/** Dates of every precision, close to each other so that they meet. */
const dateText = fc.tuple(fc.integer({ min: 2019, max: 2021 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 4 }))
  .map(([year, month, day, hour, second, precision]) => [`${year}`, `${year}-0${month}`, `${year}-0${month}-0${day}`, `${year}-0${month}-0${day}T0${hour}:30:${String(second).padStart(2, '0')}Z`, `${year}-0${month}-0${day}T0${hour}:30:00.5+01:00`][precision]!);
const birthText = fc.tuple(fc.integer({ min: 1969, max: 1971 }), fc.constantFrom(1, 2, 11, 12), fc.constantFrom(1, 2, 27, 28), fc.integer({ min: 0, max: 2 }))
  .map(([year, month, day, precision]) => [`${year}`, `${year}-${String(month).padStart(2, '0')}`, `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`][precision]!);
const coding = fc.record({ system: fc.constantFrom(undefined, 'urn:a', 'urn:b'), code: fc.constantFrom('x', 'y', 'x|y', 'a,b') }, { requiredKeys: ['code'] });
const word = fc.constantFrom('Ängström', 'angst', 'Ang', 'müller', 'MULLER-Lüd', 'Öz', 'O', 'straße', 'Strasse', 'de la Cruz', 'cruz');
const amount = fc.oneof(fc.integer({ min: 95, max: 105 }), fc.integer({ min: 950, max: 1050 }).map((n) => n / 10));

const observation = fc.record({
  code: fc.array(coding, { minLength: 1, maxLength: 2 }), effective: fc.oneof(dateText, fc.record({ start: dateText, end: dateText }, { requiredKeys: [] }).filter(({ start, end }) => start === undefined || end === undefined || spanOf(start)[0] <= spanOf(end)[1]), fc.constant(undefined)), value: fc.oneof(amount, fc.constant(undefined)),
  unit: fc.constantFrom('mg', 'g', 'odd'),
}).map(({ code, effective, value, unit }): Observation => ({
  resourceType: 'Observation', id: uuidv7(), status: 'final', subject: { reference: `Patient/${uuidv7()}` }, code: { coding: code.map(({ system, code: text }) => ({ ...(system === undefined ? {} : { system }), code: text })) },
  ...(typeof effective === 'string' ? { effectiveDateTime: effective } : effective !== undefined && Object.keys(effective).length > 0 ? { effectivePeriod: effective } : {}),
  ...(value === undefined ? {} : { valueQuantity: { value, unit, ...(unit === 'odd' ? {} : { system: 'http://unitsofmeasure.org', code: unit }) } }),
}));
const patient = fc.record({ family: fc.oneof(word, fc.constant(undefined)), given: fc.array(word, { maxLength: 2 }), birthDate: fc.oneof(birthText, fc.constant(undefined)) })
  .map(({ family, given, birthDate }): Patient => ({ resourceType: 'Patient', id: uuidv7(), name: [{ ...(family === undefined ? {} : { family }), given }], ...(birthDate === undefined ? {} : { birthDate }) }));

beforeAll(async () => {
  ({ db, drop } = await createTestDatabase());
  directory = mkdtempSync(join(tmpdir(), 'primum-search-'));
  keys = await openKeys({ directory, tenants: [tenant] });
  reading = { audit: createAudit({ keys }), policy: createPolicy({ readPatientFacts, demonstration: true }) };
  observations.push(...fc.sample(observation, { numRuns: 150, seed: 1 }));
  patients.push(...fc.sample(patient, { numRuns: 150, seed: 2 }));
  const search = createSearchIndex({ keys }, tenant);
  // All under the tenant's key: whose they are is not what is tested here.
  const rows = [...observations, ...patients].map((body: Resource) => ({ type: body.resourceType, id: body.id!, version: 1, patientId: null, messageId: null, body }));
  await db.transaction((tx) => writeVersions({ tx, keys, search }, tenant, 1, rows));
});
afterAll(async () => {
  await drop();
  rmSync(directory, { recursive: true, force: true });
});

async function found(type: string, name: string, value: string): Promise<string[]> {
  const deps = { db, keys, clock: systemClock };
  const page = await withPhiReader({ ...deps, ...reading },
    { tenant, principal: mintSystemPrincipal('ingest'), purpose: 'TREAT', scope: { worklist: 'search', alsoUnassigned: true }, action: 'resource.search' },
    (reader) => searchResources(deps, reader, [parseSearch(type, [[name, value], ['_count', '1000']])], { base: 'http://primum.test/api/fhir' }));
  return page.matches.map(({ rowId }) => rowId).toSorted();
}
const expected = <T extends Resource>(all: readonly T[], holds: (one: T) => boolean): string[] => all.filter(holds).map(({ id }) => id!).toSorted();

/** A second reading of the specification, by numbers of days and not by the code under test. */
type Span = [number, number];
function spanOf(text: string): Span {
  const [date = '', time] = text.split('T');
  const [year = 0, month, day] = date.split('-').map(Number);
  if (time !== undefined) {
    const from = Date.parse(text);
    return [from, from + (text.includes('.5') ? 100 : 1_000) - 1];
  }
  if (month === undefined) return [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1) - 1];
  return day === undefined ? [Date.UTC(year, month - 1, 1), Date.UTC(year, month, 1) - 1] : [Date.UTC(year, month - 1, day), Date.UTC(year, month - 1, day + 1) - 1];
}
function compares(prefix: string, [lo, hi]: Span, [from, to]: Span): boolean {
  const contains = from <= lo && hi <= to;
  const above = hi > to;
  const below = lo < from;
  return { eq: contains, ne: !contains, gt: above, lt: below, ge: above || contains, le: below || contains, sa: lo > to, eb: hi < from }[prefix] ?? false;
}
const prefix = fc.constantFrom('eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb');
const runs = { numRuns: 40 };

describe('search is what FHIR says', () => {
  it('of dates and periods', async () => {
    await fc.assert(fc.asyncProperty(prefix, dateText, async (by, text) => {
      expect(await found('Observation', 'date', `${by}${text}`)).toEqual(expected(observations, ({ effectiveDateTime, effectivePeriod }) => {
        const span: Span | undefined = effectiveDateTime !== undefined ? spanOf(effectiveDateTime) : effectivePeriod === undefined ? undefined
          : [effectivePeriod.start === undefined ? -Infinity : spanOf(effectivePeriod.start)[0], effectivePeriod.end === undefined ? Infinity : spanOf(effectivePeriod.end)[1]];
        return span !== undefined && compares(by, span, spanOf(text));
      }));
    }), runs);
  });

  it('of dates of birth, which are in no range', async () => {
    await fc.assert(fc.asyncProperty(prefix, birthText, async (by, text) => {
      expect(await found('Patient', 'birthdate', `${by}${text}`)).toEqual(expected(patients, ({ birthDate }) => birthDate !== undefined && compares(by, spanOf(birthDate), spanOf(text))));
    }), runs);
    const rows = await db.query<{ ranges: number[]; at: Date | null }>("select range_param as ranges, at from resource_search where type = 'Patient'", []);
    expect(rows.every(({ ranges, at }) => ranges.length === 0 && at === null)).toBe(true);
  });

  it('of codes with and without a system', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom('x', 'y', 'x|y', 'a,b'), fc.constantFrom(null, '', 'urn:a', 'urn:b'), fc.boolean(), async (code, system, negated) => {
      const escaped = code.replace('|', '\\|').replace(',', '\\,');
      const holds = ({ code: { coding: codings = [] } }: Observation): boolean => codings.some((one) => one.code === code && (system === null || (one.system ?? '') === system));
      expect(await found('Observation', negated ? 'code:not' : 'code', system === null ? escaped : `${system}|${escaped}`)).toEqual(expected(observations, (one) => holds(one) !== negated));
    }), runs);
  });

  it('of quantities in any unit of one kind', async () => {
    await fc.assert(fc.asyncProperty(prefix, amount, fc.constantFrom('mg', 'g', null), async (by, value, unit) => {
      const decimals = `${value}`.split('.')[1]?.length ?? 0;
      const half = by === 'eq' || by === 'ne' ? 0.5 * 10 ** -decimals : 0;
      const grams: Record<string, number> = { mg: 0.001, g: 1 };
      expect(await found('Observation', 'value-quantity', `${by}${value}${unit === null ? '' : `|http://unitsofmeasure.org|${unit}`}`)).toEqual(expected(observations, ({ valueQuantity }) => {
        if (valueQuantity?.value === undefined || (unit !== null && valueQuantity.code === undefined)) return false;
        const factor = unit === null ? 1 : grams[valueQuantity.code ?? '']! / grams[unit]!; // the units of this test
        const is = Number((valueQuantity.value * factor).toPrecision(10));
        const within = is >= Number((value - half).toPrecision(10)) && (half === 0 ? is <= value : is < Number((value + half).toPrecision(10)));
        return { eq: within, ne: !within, gt: is > value, lt: is < value, ge: is >= value, le: is <= value, sa: is > value, eb: is < value }[by] ?? false;
      }));
    }), runs);
  });

  it('of names by the beginning of any word, without case or marks', async () => {
    const plain = (text: string): string => text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').replace('ß', 'ss').toLowerCase();
    await fc.assert(fc.asyncProperty(word, fc.integer({ min: 1, max: 12 }), async (text, length) => {
      const sought = plain(text).slice(0, length).trim();
      expect(await found('Patient', 'name', sought)).toEqual(expected(patients, ({ name = [] }) => name.some(({ family, given = [] }) =>
        [family ?? '', ...given].map(plain).some((part) => part.startsWith(sought) || part.split(/[\s-]/).some((one) => one.startsWith(sought))))));
    }), runs);
  });

  it('answers or refuses whatever is asked, and never fails', async () => {
    const seen = new Set<unknown>();
    const names = ['code', 'date', 'value-quantity', 'subject', 'identifier', 'patient.birthdate', '_has:Provenance:target:agent', 'code-value-quantity', 'component-code-value-concept', '_id', '_lastUpdated', '_tag', '_profile', '_sort', '_include', '_revinclude', '_cursor', '_elements', 'value-string', 'combo-code'];
    const name = fc.oneof(fc.constantFrom(...names), fc.tuple(fc.constantFrom(...names), fc.constantFrom(':not', ':missing', ':text', ':exact', ':contains', ':identifier', ':Patient', ':below', ':of-type', '.name', ':', '.')).map((parts) => parts.join('')), fc.string({ maxLength: 20 }));
    const piece = fc.oneof(fc.constantFrom('\\', '|', '$', ',', "'", '"', '--', ';', '{', '}', '0', '9'.repeat(40), '1e308', '1e-320', 'NaN', 'Infinity', 'ap', 'ge', '2020-02-30', '9999-12-31', '0001', 'T24:00', 'true', '\u0000', 'Observation:subject', '-date', 'x'), fc.string({ maxLength: 8, unit: 'binary' }), dateText);
    await fc.assert(fc.asyncProperty(fc.constantFrom('Observation', 'Patient'), name, fc.array(piece, { maxLength: 5 }).map((parts) => parts.join('')), async (type, code, value) => {
      const refused = await found(type, code, value).then(() => 'answered', (error: unknown) => (error instanceof PrimumError ? errorCatalogue[error.code].http : error));
      seen.add(refused);
    }), { numRuns: 150 });
    expect(seen).toEqual(new Set(['answered', 400]));
  });
});
