import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { systemClock } from '@primum/base';
import { createSearchIndex, parseCodeTable, readFacts, readPatientFacts, readResource, type WriteDeps } from '@primum/record';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, mintSystemPrincipal, openKeys, withPhiReader } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityTokens } from '../reading/tokens.ts';
import { importTable, type RowFault, type TableCounts, type TableImport } from './import-table.ts';
import { parseTableMapping } from './table-mapping.ts';

const tenant = 1;
const call = { tenant, principal: mintSystemPrincipal('cli:test'), purpose: 'HOPERAT' } as const;
let deps: WriteDeps;
let folder = '';
let close: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'primum-tables-'));
  const keys = await openKeys({ directory: join(folder, 'keys'), tenants: [tenant] });
  const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../../../../packs/sepsis/codes.json', import.meta.url), 'utf8')));
  deps = { db: database.db, keys, clock: systemClock, codes, audit: createAudit({ keys }), policy: createPolicy({ readPatientFacts, demonstration: true }), search: createSearchIndex({ keys }, tenant) };
  close = async () => {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  };
});
afterAll(() => close());

const vitals = {
  format: 'primum-table/1', name: 'vitals',
  patient: { column: 'mrn', authority: 'GH', create: true, template: { gender: '{sex}', birthDate: '{born|date}', name: [{ use: 'official', family: '{family}' }] } },
  resources: [
    { observation: { code: '8867-4', display: 'Heart rate', category: 'vital-signs', value: { column: 'hr' }, unit: '/min', time: { column: 'at', zone: 'Europe/Vienna' } } },
    { observation: { code: { column: 'lab', map: { LAC: '2524-7' } }, category: 'laboratory', value: { column: 'result' }, unit: { column: 'unit', map: { 'mmol/l': 'mmol/L' } }, time: { column: 'at', zone: 'Europe/Vienna' } } },
    { resource: { resourceType: 'Condition', code: { coding: [{ system: 'http://hl7.org/fhir/sid/icd-10', code: '{icd}' }] }, subject: { reference: 'Patient/{patient}' }, onsetDateTime: '{at|instant}', severity: { coding: [{ system: 'http://snomed.info/sct', code: '{severity}' }] } }, when: ['icd'] },
  ],
};
const header = 'mrn,sex,born,family,at,hr,lab,result,unit,icd,severity\n';
const good = [
  'T1,female,1960-02-03,"O\'Hara, Ann",2026-03-01 08:00,88,LAC,<0.5,mmol/l,,',
  'T1,female,1960-02-03,"O\'Hara, Ann",2026-03-01 08:05:30,90,,,,A41.9,',
  'T2,male,,,2026-07-01T08:00+00:00,71,,,,,',
].join('\n');
const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
async function run(path: string, mapping: object = vitals, options: Partial<TableImport> = {}): Promise<{ counts: TableCounts; faults: RowFault[] }> {
  const faults: RowFault[] = [];
  return { counts: await importTable(deps, call, { file: path, mapping: parseTableMapping(mapping), onFault: (fault) => void faults.push(fault), ...options }), faults };
}
async function patientOf(mrn: string): Promise<string> {
  const [token] = identityTokens(deps.keys, tenant, [{ value: mrn, authority: 'GH', type: 'MR' }]);
  const [row] = await deps.db.query<{ patient_id: string }>('select patient_id from patient_identifier where tenant = $1 and token = $2', [tenant, Buffer.from(token ?? '', 'hex')]);
  return row!.patient_id; // imported before
}
const resources = async (): Promise<number> => (await deps.db.query<{ n: number }>('select count(*) as n from resource'))[0]!.n;

describe('importing a table', () => {
  it('makes a dry run that writes nothing and reports the same', async () => {
    const { counts, faults } = await run(file('dry.csv', header + good), vitals, { dryRun: true });
    expect({ ...counts, faults }).toEqual({ rows: 3, refused: 0, empty: 0, created: 7, updated: 0, unchanged: 0, last: 3, faults: [] });
    expect(await resources()).toBe(0);
  });

  it('writes each row\'s resources and facts at the row\'s own time, in its own zone', async () => {
    expect((await run(file('vitals.csv', `\uFEFF${header}${good}`))).counts).toEqual({ rows: 3, refused: 0, empty: 0, created: 7, updated: 0, unchanged: 0, last: 3 });
    const rootId = await patientOf('T1');
    const { rows } = await readFacts(deps.db, { tenant, rootId });
    expect(rows.map(({ code, value, effectiveAt }) => [code, value, new Date(effectiveAt).toISOString()]).sort()).toEqual([
      ['2524-7', null, '2026-03-01T07:00:00.000Z'], ['8867-4', 88, '2026-03-01T07:00:00.000Z'], ['8867-4', 90, '2026-03-01T07:05:30.000Z'],
    ]);
    const [condition] = await deps.db.query<{ id: string }>("select id from resource where type = 'Condition'");
    const read = (type: string, id: string) => withPhiReader(deps, { tenant, principal: call.principal, purpose: 'TREAT', action: 'resource.read', scope: { patientIds: [rootId] } }, (reader) => readResource(deps.db, reader, { type, id }));
    expect((await read('Condition', condition!.id)).resource).toMatchObject({
      code: { coding: [{ system: 'http://hl7.org/fhir/sid/icd-10', code: 'A41.9' }] }, subject: { reference: `Patient/${rootId}` }, onsetDateTime: '2026-03-01T07:05:30.000Z',
    });
    expect((await read('Condition', condition!.id)).resource).not.toHaveProperty('severity');
    expect((await read('Patient', rootId)).resource).toMatchObject({ gender: 'female', birthDate: '1960-02-03', name: [{ use: 'official', family: 'O\'Hara, Ann' }], identifier: [{ value: 'T1' }] });
  });

  it('writes nothing twice, whatever it is packed in, and goes on where it stopped', async () => {
    const before = await resources();
    for (const path of [file('a.csv', header + good), file('b.csv.gz', gzipSync(header + good)), file('c.csv.zst', zstdCompressSync(header + good))]) {
      expect((await run(path)).counts).toMatchObject({ rows: 3, created: 0, updated: 0 });
    }
    expect(await resources()).toBe(before);
    expect((await run(file('d.csv', header + good), vitals, { fromRow: 3 })).counts).toMatchObject({ rows: 1, last: 3, created: 0 });
  });

  it('names each row that it leaves out by number, column and code, and no value', async () => {
    const rows = [
      'T3,male,,,2026-03-01 08:00,eighty,,,,,', 'T3,male,,,2026-03-01,80,,,,,', ',male,,,2026-03-01 08:00,80,,,,,', 'T3,male,,,2026-03-01 08:00,,XYZ,4,mmol/l,,',
      'T3,male,,,2026-03-01 08:00,80', 'T3,male,,,2026-03-01 08:10,81,,,,,', 'T3,male,,,2026-03-01 08:10,,,,,,',
    ];
    const path = file('faults.csv', header + rows.join('\n'));
    const expected = [
      { row: 1, column: 'hr', code: 'table.value-invalid' }, { row: 2, column: 'at', code: 'table.value-invalid' }, { row: 3, column: 'mrn', code: 'table.value-missing' },
      { row: 4, column: 'lab', code: 'table.value-invalid' }, { row: 5, column: '', code: 'import.row-invalid' },
    ];
    const dry = await run(path, vitals, { dryRun: true });
    const wet = await run(path);
    expect(dry.faults).toEqual(expected);
    expect(wet.faults).toEqual(expected);
    expect(wet.counts).toMatchObject({ rows: 7, refused: 5, empty: 0 + 1, created: 2 });
    const unknown = { ...vitals, name: 'strict', patient: { column: 'mrn', authority: 'GH' } };
    expect((await run(file('unknown.csv', `${header}NOBODY,male,,,2026-03-01 08:00,80,,,,,`), unknown)).faults).toEqual([{ row: 1, column: 'mrn', code: 'table.patient-unknown' }]);
    expect((await run(path, vitals, { refuses: async () => 'fhir.unprocessable' })).faults).toContainEqual({ row: 6, column: '', code: 'fhir.unprocessable' });
  });

  it('leaves out only the row that the record refuses', async () => {
    const mapping = { format: 'primum-table/1', name: 'broken', resources: [{ resource: { resourceType: 'Condition', subject: { reference: 'Patient/{who}' }, note: [{ text: '{n}' }] } }] };
    const id = await patientOf('T1');
    const { counts, faults } = await run(file('broken.csv', `who,n\n${id},a\n0b5e0000-0000-4000-8000-00000000dead,b\n${id},c\n`), mapping);
    expect(faults).toEqual([{ row: 2, column: '', code: 'record.reference-unknown' }]);
    expect(counts).toMatchObject({ created: 2, refused: 1 });
  });

  it('takes a changed row for a correction where the mapping has a key', async () => {
    const keyed = { ...vitals, name: 'keyed', key: ['mrn', 'at'] };
    expect((await run(file('k1.csv', `${header}T1,,,,2026-03-02 08:00,60,,,,,`), keyed)).counts).toMatchObject({ created: 1 });
    expect((await run(file('k2.csv', `${header}T1,,,,2026-03-02 08:00,66,,,,,`), keyed)).counts).toMatchObject({ updated: 1 });
    const { rows } = await readFacts(deps.db, { tenant, rootId: await patientOf('T1') });
    expect(rows.filter(({ effectiveAt }) => new Date(effectiveAt).toISOString() === '2026-03-02T07:00:00.000Z').map(({ value, status }) => [value, status])).toEqual([[60, 'final'], [66, 'final']]);
  });

  it.each(['gzip', 'zstd', 'snappy'])('reads Parquet as pyarrow writes it, by row groups, with its own types: %s', async (codec) => {
    const mapping = { format: 'primum-table/1', name: `parquet-${codec}`, patient: { column: 'mrn', authority: 'GH' }, resources: [{ observation: { code: '8867-4', value: { column: 'hr' }, unit: '/min', time: { column: 'at' } } }] };
    const { counts, faults } = await run(fileURLToPath(new URL(`../../fixtures/vitals-${codec}.parquet`, import.meta.url)), mapping);
    expect(faults).toEqual([]);
    expect(counts).toMatchObject({ rows: 40, empty: 1, created: 39, last: 40 });
    const { rows } = await readFacts(deps.db, { tenant, rootId: await patientOf('T2') });
    expect(rows.find(({ effectiveAt }) => effectiveAt === Date.UTC(2026, 4, 1) + 39_000)?.value).toBe(99.5);
  });

  it('refuses a mapping and a file that cannot be, and says where', async () => {
    expect(() => parseTableMapping({ ...vitals, resources: [{ observation: { code: '8867-4', value: { column: 'hr' }, time: { column: 'at', zone: 'Mars/Olympus' } } }] })).toThrow(/resources\[0\]\.observation\.time\.zone/);
    expect(() => parseTableMapping({ ...vitals, resources: [] })).toThrow(/resources/);
    await expect(run(file('columns.csv', 'mrn,at\nT1,x\n'))).rejects.toMatchObject({ code: 'import.column-missing' });
    await expect(run(join(folder, 'absent.csv'))).rejects.toMatchObject({ code: 'import.file-unreadable' });
    await expect(run(file('bad.parquet', 'not one'))).rejects.toMatchObject({ code: 'import.file-unreadable' });
  });
});
