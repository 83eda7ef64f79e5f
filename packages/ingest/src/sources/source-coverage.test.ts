import { systemClock } from '@primum/base';
import { mintSystemPrincipal } from '@primum/trust';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestIngest, facility, message, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';
import { coverageOfSource, type SourceCoverage } from './source-coverage.ts';

let ingest: TestIngest;
beforeAll(async () => { ingest = await createTestIngest(); });
afterAll(async () => { await ingest.close(); });

const at = '20260105080000';
const coverage = (source: string, messages?: number): Promise<SourceCoverage> =>
  coverageOfSource({ ...ingest, clock: systemClock, tables: ingest.mappings.v2 }, mintSystemPrincipal('ingest'), tenant, { source, ...(messages === undefined ? {} : { messages }) });
const admit = (mrn: string): string => message('ADT^A01', at, [pid(mrn), pv1(`V${mrn}`, '1', { admitted: at }), ['ZPI', 'Quisquose', 'x']]);

it('counts what is lost of the newest messages of one source, by field and without a value', async () => {
  await ingest.send(admit('C1'), admit('C2'), message('ADT^A08', at, [pid('C1'), pv1('VC1', '1')]), message('ADT^A08', at, [pid('C2'), pv1('VC2', '1')], { application: 'SIMLAB' }));
  const found = await coverage(`SIMADT|${facility}`);
  expect({ messages: found.messages, unread: found.unread }).toEqual({ messages: 3, unread: 0 });
  expect(found.fields.find(({ segment, field }) => segment === 'ZPI' && field === 1)).toEqual({ segment: 'ZPI', field: 1, valued: 2, dropped: 2, droppedComponents: {} });
  expect(found.fields.find(({ segment, field }) => segment === 'PID' && field === 3)).toMatchObject({ valued: 3, dropped: 0 });
  expect(found.fields.map(({ dropped }) => dropped)).toEqual(found.fields.map(({ dropped }) => dropped).toSorted((a, b) => b - a));
  expect(JSON.stringify(found)).not.toContain('Quisquose');
  expect(await coverage(`SIMADT|${facility}`, 1)).toMatchObject({ messages: 1 });
  expect(await coverage(`SIMMON|${facility}`)).toMatchObject({ messages: 0, from: null, fields: [] });
  await expect(coverage('NOBODY|X')).rejects.toMatchObject({ code: 'hl7.source-unknown' });
  await ingest.db.query('update message set sealed = null where type = $1 and source_id = (select id from source where application = $2)', ['ADT^A08', 'SIMADT']);
  expect(await coverage(`SIMADT|${facility}`)).toMatchObject({ messages: 2, unread: 1 });
});
