import type { Bundle, Group, Observation, Patient, Resource } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admission, results, type BenchPatient } from '../bench/support/ward-messages.ts';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

const admittedAt = Date.parse('2026-01-05T06:00:00Z');
const [first, second, other] = ['1', '2', '3'].map((n): BenchPatient => ({ mrn: `EV-${n}`, visit: `EVV-${n}`, bed: n, admittedAt })) as [BenchPatient, BenchPatient, BenchPatient];

let primum: Booted;
let service: ServiceClient;
let ids: [string, string, string];
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum);
  for (const [n, patient] of [first, second, other].entries()) {
    await primum.send(admission(patient, `EA${n}`), results(patient, `ER${n}`, { order: `O${n}`, at: admittedAt + 3_600_000 * (n + 1), sentAt: admittedAt + 3_600_000 * (n + 1), values: [{ code: 'HR', unit: 'bpm', value: 70 + n }] }));
  }
  const found = await Promise.all([first, second, other].map(async ({ mrn }) => ((await service.fhir('GET', `/Patient?identifier=${mrn}`)).body as Bundle<Patient>).entry?.[0]?.resource?.id));
  ids = found as [string, string, string];
  const made = await service.fhir('POST', '/Practitioner', { resourceType: 'Practitioner', name: [{ family: 'House' }] });
  const practitioner = `Practitioner/${(made.body as { id: string }).id}`;
  for (const resource of [
    { resourceType: 'Condition', subject: { reference: `Patient/${ids[0]}` }, asserter: { reference: practitioner }, code: { text: 'a finding' }, onsetDateTime: '2020-05-06' },
    { resourceType: 'Flag', status: 'active', subject: { reference: `Patient/${ids[1]}` }, code: { text: 'falls' } },
  ]) if ((await service.fhir('POST', `/${resource.resourceType}`, resource)).status !== 201) throw new Error('not created');
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const get = async (path: string): Promise<Bundle> => {
  const { status, body } = await service.fhir('GET', path);
  expect({ path, status }).toEqual({ path, status: 200 });
  return body as Bundle;
};
const types = ({ entry = [] }: Bundle, mode = 'match'): string[] => entry.filter(({ search }) => search?.mode === mode).map(({ resource }) => resource!.resourceType).toSorted();
const pulses = async (path: string): Promise<number[]> => ((await get(path)).entry ?? []).flatMap(({ resource }) => (resource as Observation | undefined)?.valueQuantity?.value ?? []).toSorted();

describe('Patient/$everything', () => {
  it('is what the record holds of a patient, with who and where comes along', async () => {
    const all = await get(`/Patient/${ids[0]}/$everything`);
    expect(new Set(types(all))).toEqual(new Set(['Condition', 'Encounter', 'Observation', 'Patient', 'Provenance']));
    expect(types(all, 'include')).toContain('Practitioner');
    const patients = (all.entry ?? []).map(({ resource }) => resource as Resource).filter(({ resourceType }) => resourceType === 'Patient');
    expect(patients.map(({ id }) => id)).toEqual([ids[0]]);
    expect(all.total).toBe(types(all).length);
  });

  it('keeps to types, dates and what was written since; POST says the same', async () => {
    expect(types(await get(`/Patient/${ids[0]}/$everything?_type=Condition,Flag`))).toEqual(['Condition']);
    const lately = types(await get(`/Patient/${ids[0]}/$everything?start=2026-01-01&end=2026-12-31`));
    expect({ condition: lately.includes('Condition'), patient: lately.includes('Patient'), observation: lately.includes('Observation') }).toEqual({ condition: false, patient: true, observation: true });
    expect(types(await get(`/Patient/${ids[0]}/$everything?_since=2100-01-01T00:00:00Z`))).toEqual([]);
    const posted = await service.fhir('POST', `/Patient/${ids[0]}/$everything`, { resourceType: 'Parameters', parameter: [{ name: '_type', valueString: 'Condition' }, { name: '_count', valueInteger: 5 }] });
    expect(types(posted.body as Bundle)).toEqual(['Condition']);
  });

  it('goes on page by page, each once', async () => {
    const seen: string[] = [];
    for (let path: string | undefined = `/Patient/${ids[0]}/$everything?_count=2`; path !== undefined;) {
      const page: Bundle = await get(path);
      seen.push(...(page.entry ?? []).filter(({ search }) => search?.mode === 'match').map(({ fullUrl }) => fullUrl!));
      path = page.link?.find(({ relation }) => relation === 'next')?.url.split('/api/fhir')[1];
    }
    expect(seen).toHaveLength((await get(`/Patient/${ids[0]}/$everything`)).total!);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('refuses what it does not know, and a patient that is not there', async () => {
    for (const [path, status] of [[`/Patient/${ids[0]}/$everything?flavour=x`, 400], [`/Patient/${ids[0]}/$everything?start=yesterday`, 400], ['/Patient/nobody/$everything', 404]] as const) expect({ path, status: (await service.fhir('GET', path)).status }).toEqual({ path, status });
    const few = await serviceClient(primum, { scopes: ['system/Patient.rs', 'system/Flag.rs'] });
    const { body } = await few.fhir('GET', `/Patient/${ids[0]}/$everything`);
    expect({ match: types(body as Bundle), include: types(body as Bundle, 'include') }).toEqual({ match: ['Patient'], include: [] });
  });
});

describe('records that were merged', () => {
  it('are found by either number: by reference, in the compartment, as everything, and in a group\'s export', async () => {
    expect(await pulses(`/Observation?patient=${ids[0]}`)).toEqual([70]);
    const msh = admission(first, 'EM1').split('\r');
    const merge = [msh[0]!.replace(/ADT\^A01(\^ADT_A01)?/, 'ADT^A40^ADT_A39'), 'EVN|A40|20260105120000', msh.find((line) => line.startsWith('PID|'))!, `MRG|${second.mrn}^^^BENCH^MR`].join('\r');
    const [answer] = await primum.send(`${merge}\r`);
    expect(answer).toContain('MSA|AA|');
    for (const id of [ids[0], ids[1]]) {
      expect(await pulses(`/Observation?patient=${id}`)).toEqual([70, 71]);
      expect(await pulses(`/Observation?subject=Patient/${id}`)).toEqual([70, 71]);
      expect(await pulses(`/Patient/${id}/Observation`)).toEqual([70, 71]);
      expect(await pulses(`/Patient/${id}/$everything?_type=Observation`)).toEqual([70, 71]);
    }
    expect(await pulses(`/Observation?patient=${ids[2]}`)).toEqual([72]);
    expect(types(await get(`/Patient/${ids[0]}/$everything`))).toContain('Flag');
    const group: Group = { resourceType: 'Group', type: 'person', actual: true, member: [{ entity: { reference: `Patient/${ids[0]}` } }] };
    const made = (await service.fhir('POST', '/Group', group)).body as { id: string };
    const kick = await service.fhir('GET', `/Group/${made.id}/$export?_type=Observation`, undefined, { prefer: 'respond-async', 'x-purpose-of-use': 'TREAT' });
    expect(kick.status).toBe(202);
    const status = kick.headers.get('content-location')!.split('/api/fhir')[1]!;
    for (;;) {
      const job = await service.fhir('GET', status);
      if (job.status === 202) continue;
      expect((job.body as { output: { type: string; count: number }[] }).output).toMatchObject([{ type: 'Observation', count: 2 }]);
      break;
    }
  });
});
