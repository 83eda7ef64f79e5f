import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { conceptsIn } from './concept-files.ts';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'primum-concepts-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(name: string, content: string | Buffer): Promise<unknown[]> {
  await writeFile(join(folder, name), content);
  return Array.fromAsync(conceptsIn(join(folder, name)));
}

it('reads CSV, LOINC\'s table and NDJSON, also gzip', async () => {
  const [a, b] = [{ code: 'A', display: 'All, of it', parents: [] }, { code: 'B', display: 'B', parents: ['A', 'C'] }];
  expect(await read('a.csv', 'code,display,parents\nA,"All, of it",\nB,,A C\n')).toEqual([a, b]);
  expect(await read('loinc.csv', '\uFEFF"LOINC_NUM","COMPONENT","LONG_COMMON_NAME"\n"1-8","x","Long name"\n')).toEqual([{ code: '1-8', display: 'Long name', parents: [] }]);
  expect(await read('a.ndjson.gz', gzipSync(`${JSON.stringify(a)}\n\n${JSON.stringify({ code: 'B', parents: ['A', 'C'] })}\n`))).toEqual([a, b]);
  await expect(read('bad.csv', 'name\nA\n')).rejects.toMatchObject({ code: 'terminology.file-invalid' });
  await expect(read('bad.ndjson', '{"display":"x"}\n')).rejects.toMatchObject({ code: 'terminology.file-invalid' });
  await expect(read('worse.ndjson', 'no json\n')).rejects.toMatchObject({ code: 'terminology.file-invalid' });
});

it('reads the active part of a snapshot in RF2', async () => {
  const terminology = join(folder, 'SnomedCT', 'Snapshot', 'Terminology');
  await mkdir(terminology, { recursive: true });
  const file = (name: string, ...rows: string[][]): Promise<void> => writeFile(join(terminology, name), `${['id', 'effectiveTime', 'active', '…'].join('\t')}\r\n${rows.map((row) => `${row.join('\t')}\r\n`).join('')}`);
  await file('sct2_Concept_Snapshot_INT_20260101.txt', ['1', '', '1', 'm', 'p'], ['2', '', '1', 'm', 'p'], ['3', '', '0', 'm', 'p']);
  await file('sct2_Description_Snapshot-en_INT_20260101.txt', ['10', '', '1', 'm', '1', 'en', '900000000000003001', 'Root "one" (thing)', 'c'], ['11', '', '1', 'm', '2', 'en', '900000000000013009', 'Synonym', 'c'], ['12', '', '0', 'm', '2', 'en', '900000000000003001', 'Old', 'c']);
  await file('sct2_Relationship_Snapshot_INT_20260101.txt', ['20', '', '1', 'm', '2', '1', '0', '116680003', 'i', 'x'], ['21', '', '1', 'm', '2', '3', '0', '363698007', 'i', 'x'], ['22', '', '0', 'm', '1', '2', '0', '116680003', 'i', 'x']);
  expect(await Array.fromAsync(conceptsIn(join(folder, 'SnomedCT')))).toEqual([{ code: '1', display: 'Root "one" (thing)', parents: [] }, { code: '2', display: '2', parents: ['1'] }]);
  await mkdir(join(folder, 'empty'));
  await expect(Array.fromAsync(conceptsIn(join(folder, 'empty')))).rejects.toMatchObject({ code: 'terminology.file-invalid' });
});
