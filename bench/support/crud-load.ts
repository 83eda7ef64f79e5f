/** Run as a process: creates, reads, updates and deletes one resource after another on each connection. */
import { Agent, request } from 'node:http';
import { randomUUID } from 'node:crypto';

export type CrudTask = { url: string; connections: number; seconds: number; token: string | null };
export type CrudLoad = { requests: number; failed: number; seconds: number; p50Ms: number; p99Ms: number; byKind: Record<string, { requests: number; p50Ms: number; p99Ms: number }> };

let token: string | null = null;
process.on('message', (message: { task?: CrudTask; token?: string }) => {
  if (message.token !== undefined) token = message.token;
  if (message.task !== undefined) void run(message.task).then((load) => process.send!(load, () => process.exit(0)));
});

async function run(task: CrudTask): Promise<CrudLoad> {
  token = task.token;
  const agent = new Agent({ keepAlive: true, maxSockets: task.connections });
  const times: Record<string, number[]> = { create: [], read: [], update: [], delete: [] };
  let failed = 0;
  const startedAt = performance.now();
  const until = startedAt + task.seconds * 1_000;
  const timed = async (kind: string, wanted: readonly number[], method: string, path: string, body?: object): Promise<{ id?: string }> => {
    const from = performance.now();
    const { status, text } = await send(`${task.url}/${path}`, method, agent, body);
    times[kind]!.push(performance.now() - from);
    if (wanted.includes(status)) return text === '' ? {} : JSON.parse(text) as { id?: string }; // a resource or an outcome
    failed += 1;
    if (failed < 4) process.stderr.write(`${method} ${path} was answered ${status}: ${text.slice(0, 300)}\n`);
    return {};
  };
  await Promise.all(Array.from({ length: task.connections }, async () => {
    const patient = (await timed('create', [201], 'POST', 'Patient', person())).id;
    for (let n = 0; performance.now() < until; n += 1) {
      const made = await timed('create', [201], 'POST', 'Observation', observation(patient!, n));
      if (made.id === undefined) continue;
      const path = `Observation/${made.id}`;
      await timed('read', [200], 'GET', path);
      await timed('update', [200], 'PUT', path, { ...observation(patient!, n + 1), id: made.id });
      await timed('read', [200], 'GET', path);
      await timed('read', [200], 'GET', `Patient/${patient}`);
      if (n % 4 === 3) await timed('delete', [200, 204], 'DELETE', path);
    }
  }));
  const all = Object.values(times).flat();
  const at = (values: readonly number[], q: number): number => Math.round((values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0) * 100) / 100;
  return {
    requests: all.length, failed, seconds: (performance.now() - startedAt) / 1_000, p50Ms: at(all, 0.5), p99Ms: at(all, 0.99),
    byKind: Object.fromEntries(Object.entries(times).map(([kind, values]) => [kind, { requests: values.length, p50Ms: at(values, 0.5), p99Ms: at(values, 0.99) }])),
  };
}

const person = (): object => ({
  resourceType: 'Patient', identifier: [{ system: 'urn:bench', value: randomUUID() }], name: [{ use: 'official', family: `Load${randomUUID().slice(0, 8)}`, given: ['Crud', 'Test'] }],
  telecom: [{ system: 'phone', value: '555-0100', use: 'home' }], gender: 'female', birthDate: '1970-01-01', address: [{ line: ['1 Main Street'], city: 'Boston', state: 'MA', postalCode: '02101', country: 'US' }],
});
const observation = (patient: string, n: number): object => ({
  resourceType: 'Observation', status: 'final', category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs', display: 'vital-signs' }] }],
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }], text: 'Heart rate' }, subject: { reference: `Patient/${patient}` },
  effectiveDateTime: new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString(), issued: new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString(),
  valueQuantity: { value: 60 + n % 60, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
});

function send(url: string, method: string, agent: Agent, body?: object): Promise<{ status: number; text: string }> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method, agent, headers: {
        accept: 'application/fhir+json', prefer: 'return=representation', ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/fhir+json', 'content-length': payload.length }),
      },
    }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).end(payload);
  });
}
