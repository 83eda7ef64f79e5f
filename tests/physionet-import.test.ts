import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { physionetColumns } from '@primum/datasets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importDeps } from '../apps/primum/src/cli/import.ts';
import { inTraining } from '../apps/primum/src/import-physionet/in-training.ts';
import { runImport, type ImportDeps, type ImportOptions, type ImportProgress } from '../apps/primum/src/import-physionet/run-import.ts';
import { settled } from '../apps/primum/src/settle.ts';
import { bootForTest, type Booted } from './support/booted.ts';

const header = ['patient_id', ...physionetColumns, 'Age', 'Gender', 'Unit1', 'Unit2', 'HospAdmTime', 'ICULOS', 'SepsisLabel'];
const row = (id: string, hour: number, cells: Record<string, string | number> = {}): string => {
  const all: Record<string, string | number> = { patient_id: id, Age: 61, Gender: 1, Unit1: 1, Unit2: 0, HospAdmTime: -2, ICULOS: hour, SepsisLabel: 0, HR: 80 + hour, Resp: 16, O2Sat: 97, SBP: 120, MAP: 80, ...cells };
  return header.map((name) => all[name] ?? '').join(',');
};
const stay = (id: string, hours: number, cells: Record<string, string | number> = {}): string[] => Array.from({ length: hours }, (_, index) => row(id, index + 1, cells));
/** Ids of no real stay: two of hospital A, one of hospital B, which the test says the model was trained on. */
const lines = [header.join(','), ...stay('p000000a', 4), ...stay('p100000b', 3, { FiO2: 40 }), ...stay('p000000c', 2, { SepsisLabel: 1 })];

let primum: Booted;
let file: string;
let deps: ImportDeps;
const stop = new AbortController();
beforeAll(async () => {
  primum = await bootForTest();
  file = join(primum.home, 'stays.csv');
  writeFileSync(file, lines.join('\n'));
  deps = { ...await importDeps(primum.core, stop.signal), inTraining: ({ id }) => id.startsWith('p1') };
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

async function importAll(change: Partial<ImportOptions> = {}): Promise<ImportProgress> {
  const done = await runImport(deps, { file, port: primum.mllpPort, patients: 10, concurrent: 2, speed: Number.POSITIVE_INFINITY, signal: stop.signal, ...change });
  await primum.applied();
  expect(await settled(primum.core.db, 20_000)).toBe(true);
  return done;
}
const query = <T>(text: string): Promise<T[]> => primum.core.db.query<T>(text, []);
const patients = async (): Promise<number> => (await query<{ n: number }>('select count(*)::int as n from patient'))[0]!.n;

describe('an import of real stays', () => {
  it('brings every stay through the listener, scores each completed hour, and marks training stays before any score', async () => {
    const done = await importAll();
    expect(done).toMatchObject({ stays: 3, ended: 3, septic: 1, marked: 1, abandoned: 0, accepted: 3 * 2 + 4 + 3 + 2, refused: new Map() });
    expect(await query('select status, count(*)::int as n from message group by 1')).toEqual([{ status: 'applied', n: done.accepted }]);
    expect(await query('select code, simulated, clock_rate from site where code like \'PN%\' order by 1')).toEqual([
      { code: 'PN2019A', simulated: false, clock_rate: 0 }, { code: 'PN2019B', simulated: false, clock_rate: 0 }]);
    expect(await query('select s.code, p.in_training, count(*)::int as n from patient p join site s on s.id = p.site_id group by 1, 2 order by 1')).toEqual([
      { code: 'PN2019A', in_training: false, n: 2 }, { code: 'PN2019B', in_training: true, n: 1 }]);
    const hours = await query<{ hour: number; n: number }>('select extract(epoch from as_of - icu_from)::int / 3600 as hour, count(distinct p.stay_id)::int as n from prediction p join stay s on s.id = p.stay_id where p.status = \'scored\' group by 1 order by 1');
    expect(hours.filter(({ hour }) => hour > 0)).toEqual([{ hour: 1, n: 3 }, { hour: 2, n: 3 }, { hour: 3, n: 2 }, { hour: 4, n: 1 }]);
    // FiO2 of 40 is no fraction at hospital B: missing, flagged.
    expect(await query('select distinct value, flag from fact where code = \'3150-6\'')).toEqual([{ value: null, flag: 'implausible' }]);
    // The third stay took the bed of the one that ended first.
    expect(await query('select bed, count(*)::int as n from stay group by 1 order by 1')).toEqual([{ bed: '01', n: 1 }, { bed: '02', n: 2 }]);
  });

  it('makes new patients when it is run again, and none when a run is resumed', async () => {
    const before = await patients();
    const again = await importAll({ patients: 2 });
    expect(await patients()).toBe(before + 2);
    expect((await importAll({ patients: 2, run: again.run })).run).toBe(again.run);
    expect(await patients()).toBe(before + 2);
    expect(await query('select count(*)::int as n from message where status <> \'applied\'')).toEqual([{ n: 0 }]);
  });

  it('sends nothing more of a stay whose admission does not become a patient', async () => {
    const facts = (await query<{ n: number }>('select count(*)::int as n from fact where code = \'8867-4\''))[0]!.n;
    const kept = deps;
    deps = { ...deps, inTraining: () => true, markInTraining: () => Promise.resolve(false) };
    expect(await importAll({ patients: 1 })).toMatchObject({ stays: 1, abandoned: 1, accepted: 1 });
    deps = kept;
    expect(await query('select count(*)::int as n from fact where code = \'8867-4\'')).toEqual([{ n: facts }]);
  });

  it.each([
    ['import.column-missing', (text: string) => text.replace('Lactate', 'Lactat')],
    ['import.row-invalid', (text: string) => text.replace(',97,', ',ninety,')],
  ])('stops with %s', async (code, spoil) => {
    const spoilt = join(primum.home, 'spoilt.csv');
    writeFileSync(spoilt, spoil(lines.join('\n')));
    await expect(importAll({ file: spoilt })).rejects.toMatchObject({ code });
    await expect(importAll({ file: join(primum.home, 'none.csv') })).rejects.toMatchObject({ code: 'import.file-unreadable' });
  });
});

describe('inTraining', () => {
  it('knows a stay of the training data, and takes one for seen where a package lists none', () => {
    expect(inTraining({ salt: '', digests: new Set() }, { id: 'p000001' })).toBe(true);
    expect(inTraining({ salt: 's', digests: new Set(['x']) }, { id: 'p000001' })).toBe(false);
  });
});
