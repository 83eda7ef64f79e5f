import { scanTransport } from '@primum/trust';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchPatient } from '../bench/support/ward-messages.ts';
import { admittedAt, illPatient } from './support/ill-patient.ts';
import { ask, bootForTest, signIn, type Answer, type Booted } from './support/booted.ts';

const patient: BenchPatient = { mrn: 'DEV1', visit: 'DEVV1', bed: 'D1', admittedAt };

let primum: Booted;
let clinician = '';
let engineer = '';
let patientId = '';
beforeAll(async () => {
  primum = await bootForTest({ mqtt: { port: 0 } });
  await primum.send(...illPatient(patient));
  [clinician, engineer] = await Promise.all((['clinician', 'integration-engineer'] as const).map((role) => {
    const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
    return signIn(primum, username, password);
  })) as [string, string]; // one for each
  [{ patient_id: patientId }] = await primum.core.db.query<{ patient_id: string }>('select patient_id from stay', []) as [{ patient_id: string }]; // the one stay that was sent
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const post = (path: string, token: string, body?: unknown): Promise<Answer> => ask(primum.httpPort, { method: 'POST', path, token, ...(body === undefined ? {} : { body }) });

describe('a device at a booted Primum', () => {
  it('is registered by an engineer, attached by a clinician, and what it measured is read as FHIR and as a waveform', async () => {
    const made = await post('/api/devices', engineer, { name: 'Monitor of bed D1', kind: 'monitor', keepEveryS: 0 });
    const { id, secret } = made.body as { id: string; secret: string }; // the contract's shape, which api-access checks
    const now = new Date();
    const measured = new Date(now.getTime() - 60_000).toISOString();
    const client = await connectAsync(`mqtt://127.0.0.1:${primum.mqttPort}`, { protocolVersion: 4, username: id, password: secret, reconnectPeriod: 0 });
    await client.publishAsync(`primum/v1/${id}/samples`, JSON.stringify({ samples: [{ at: measured, code: 'MDC_PULS_OXIM_SAT_O2', value: 93, unit: 'MDC_DIM_PERCENT' }] }), { qos: 1 });
    await client.publishAsync(`primum/v1/${id}/waveform`, JSON.stringify({ code: 'MDC_PULS_OXIM_PLETH', start: measured, periodMs: 10, data: [1, 2, null, 4] }), { qos: 1 });
    await primum.applied();
    const page = await ask(primum.httpPort, { path: '/api/devices', token: engineer });
    expect(page.body).toMatchObject({ mqttPort: primum.mqttPort, devices: [{ id, name: 'Monitor of bed D1', attached: false, quarantined: 2, kept: 0 }], quarantine: [{ code: 'device.not-attached', messages: 2 }] });

    expect((await post(`/api/devices/${id}/attach`, engineer, { patientId })).status).toBe(403);
    expect((await post(`/api/devices/${id}/attach`, clinician, { patientId, from: new Date(now.getTime() - 120_000).toISOString() })).status).toBe(200);
    await primum.applied();
    const found = await ask(primum.httpPort, { path: `/api/fhir/Observation?patient=${patientId}&code=http://loinc.org|59408-5&date=ge${measured.slice(0, 10)}`, token: clinician });
    expect(found.body).toMatchObject({ entry: [{ resource: { device: { reference: `Device/${id}` }, effectiveDateTime: measured, valueQuantity: { value: 93, code: '%' } } }] });
    expect((await ask(primum.httpPort, { path: `/api/fhir/Device/${id}`, token: clinician })).body).toMatchObject({ resourceType: 'Device', deviceName: [{ name: 'Monitor of bed D1' }] });

    const asked = `/api/waveforms?patient=${patientId}&from=${measured}&to=${new Date(Date.parse(measured) + 1_000).toISOString()}`;
    const waveforms = await ask(primum.httpPort, { path: asked, token: clinician });
    expect(waveforms.body).toMatchObject({ more: false, channels: [{ code: 'MDC_PULS_OXIM_PLETH', deviceId: id, segments: [{ start: measured, periodMs: 10, values: [1, 2, null, 4] }], gaps: [{ to: new Date(Date.parse(measured) + 1_000).toISOString() }] }] });
    expect((await ask(primum.httpPort, { path: asked, token: engineer })).status).toBe(403);
    expect((await ask(primum.httpPort, { path: asked, token: clinician, headers: { 'x-purpose-of-use': 'HRESCH' } })).status).toBe(403);
    const [logged] = await primum.core.db.query<{ n: number }>("select count(*) as n from audit_event where action = 'waveform.read' and outcome = 'success'", []);
    expect(logged!.n).toBe(1);

    // Disabled, its connection may stay until it ends; a new one is not let in.
    expect((await ask(primum.httpPort, { method: 'PUT', path: `/api/devices/${id}/disabled`, token: engineer, body: { disabled: true } })).status).toBe(200);
    await client.endAsync();
    await expect(connectAsync(`mqtt://127.0.0.1:${primum.mqttPort}`, { protocolVersion: 4, username: id, password: secret, reconnectPeriod: 0 })).rejects.toThrow();
  });

  it('listens where the scan of the transport looks', async () => {
    const scans = await scanTransport(primum.listeners.filter(({ protocol }) => protocol === 'mqtt'));
    expect(scans).toMatchObject([{ reached: true, loopbackOnly: true, passed: true, refusesPlaintext: false }]);
  });
});
