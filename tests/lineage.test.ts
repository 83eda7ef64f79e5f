import type { LineageGraph } from '@primum/contract';
import type { Bundle, Provenance } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admission, merge, type BenchPatient } from '../bench/support/ward-messages.ts';
import { ask, bootForTest, signIn, type Booted } from './support/booted.ts';
import { serviceClient } from './support/service-client.ts';
import { admittedAt, illPatient, lastSentAt, withdrawLast } from './support/ill-patient.ts';

const patient: BenchPatient = { mrn: 'LIN1', visit: 'LINV1', bed: 'L1', admittedAt };
const other: BenchPatient = { mrn: 'LIN2', visit: 'LINV2', bed: 'L2', admittedAt };

let primum: Booted;
let clinician: string;
let engineer: string;
let ids: { alert: string; raised_by: string; patient: string; model: string };

const tokenOf = async (role: string): Promise<string> => {
  const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
  return signIn(primum, username, password);
};
const query = (node: string, direction: 'up' | 'down', more = ''): string => `?node=${encodeURIComponent(node)}&direction=${direction}${more}`;
async function lineage(node: string, direction: 'up' | 'down', more = '', token = clinician): Promise<LineageGraph> {
  const answer = await ask(primum.httpPort, { path: `/api/lineage${query(node, direction, more)}`, token });
  if (answer.status !== 200) throw new Error(`${node} answered ${answer.status} ${answer.text}`);
  return answer.body as LineageGraph; // the test of every route holds it to its shape
}
const kinds = ({ nodes }: LineageGraph): string[] => [...new Set(nodes.map(({ kind }) => kind))].sort();
const idsOf = ({ nodes }: LineageGraph, kind: string): string[] => nodes.filter((node) => node.kind === kind).map(({ id }) => id);
/** Every node but the root hangs together with it. */
function reached({ root, edges, direction }: LineageGraph): Set<string> {
  const found = new Set([root]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const { from, to } of edges) if (found.has(direction === 'up' ? to : from)) found.add(direction === 'up' ? from : to);
  }
  return found;
}

beforeAll(async () => {
  primum = await bootForTest();
  await primum.send(...illPatient(patient));
  const { db } = primum.core;
  const [row] = await db.query<typeof ids & { version: number }>(`
    select a.id as alert, a.raised_by, a.patient_id as patient, a.version, encode(p.model_digest, 'hex') as model
    from alert a join prediction p on p.tenant = a.tenant and p.id = a.raised_by`, []);
  ids = row!; // the ill patient's alert
  [clinician, engineer] = [await tokenOf('clinician'), await tokenOf('ml-engineer')];
  const answer = await ask(primum.httpPort, { method: 'POST', path: `/api/alerts/${ids.alert}/acknowledge`, token: clinician, body: { as: 'assessing', version: row!.version } });
  if (answer.status !== 200) throw new Error(`acknowledging answered ${answer.status}`);
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

describe('lineage', () => {
  it('follows an action back to the messages, the model and its training data', async () => {
    const action = idsOf(await lineage(`alert:${ids.alert}`, 'down'), 'action')[0]!;
    const graph = await lineage(action, 'up', '&limit=5000');
    expect(kinds(graph)).toEqual(['action', 'alert', 'fact', 'feature', 'message', 'model', 'prediction', 'resource', 'run', 'snapshot']);
    expect(graph.truncated).toBe(false);
    const found = reached(graph);
    expect(graph.nodes.filter(({ id }) => !found.has(id))).toEqual([]);
    expect(JSON.stringify(graph)).not.toMatch(/LIN1|Bench|1960-?01-?01/);
  });

  it('names exactly the facts that a score was made from: those of other codes and hours are not in it', async () => {
    const graph = await lineage(`prediction:${ids.raised_by}`, 'up', '&limit=5000');
    const [pin] = await primum.core.db.query<{ pin_seq: number }>('select pin_seq from prediction where id = $1', [ids.raised_by]);
    const facts = idsOf(graph, 'fact').map((id) => id.slice('fact:'.length).split('/'));
    expect(facts.length).toBeGreaterThan(20);
    for (const [, , seq] of facts) expect(Number(seq)).toBeLessThanOrEqual(pin!.pin_seq);
    const one = await lineage(`feature:${ids.raised_by}/${idsOf(graph, 'feature')[0]!.split('/')[1]}`, 'up');
    expect(idsOf(one, 'fact').length).toBeLessThan(facts.length);
    expect(idsOf(one, 'feature').length).toBe(1);
  });

  it('finds the scores, alerts and actions that rest on one message, and none that do not', async () => {
    const graph = await lineage(`prediction:${ids.raised_by}`, 'up', '&limit=5000');
    const messages = idsOf(graph, 'message');
    const used = await lineage(messages.at(-1)!, 'down', '&limit=5000');
    expect(idsOf(used, 'prediction')).toContain(`prediction:${ids.raised_by}`);
    expect(idsOf(used, 'alert')).toEqual([`alert:${ids.alert}`]);
    expect(idsOf(used, 'action').length).toBe(1);
    // Up from each of these scores leads back to the message; up from one that isn't named does not.
    const all = await primum.core.db.query<{ id: string }>('select id from prediction where patient_id = $1 order by as_of', [ids.patient]);
    const others = all.map(({ id }) => `prediction:${id}`).filter((id) => !idsOf(used, 'prediction').includes(id));
    expect(others.length).toBeGreaterThan(0);
    for (const id of [idsOf(used, 'prediction')[0]!, others[0]!]) {
      const back = idsOf(await lineage(id, 'up', '&limit=5000'), 'message').includes(messages.at(-1)!);
      expect({ id, back }).toEqual({ id, back: idsOf(used, 'prediction').includes(id) });
    }
  });

  it('shows a correction beside what it corrected: the old score rests on the old row, the new one on the new', async () => {
    await primum.send(...withdrawLast(patient, 4, 'C'));
    const [latest] = await primum.core.db.query<{ id: string }>('select id from prediction where patient_id = $1 order by pin_seq desc limit 1', [ids.patient]);
    const corrected = (graph: LineageGraph): boolean => graph.nodes.some(({ kind, label }) => kind === 'fact' && label.endsWith(', corrected'));
    expect(corrected(await lineage(`prediction:${latest!.id}`, 'up', '&limit=5000'))).toBe(true);
    expect(corrected(await lineage(`prediction:${ids.raised_by}`, 'up', '&limit=5000'))).toBe(false);
  });

  it('follows both pressures of one Observation to it, and it to both', async () => {
    const service = await serviceClient(primum);
    const of = (code: string, value: number) => ({ code: { coding: [{ system: 'http://loinc.org', code }] }, valueQuantity: { value, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' } });
    const made = await service.fhir('POST', '/Observation', {
      resourceType: 'Observation', status: 'final', subject: { reference: `Patient/${ids.patient}` }, effectiveDateTime: new Date(lastSentAt).toISOString(),
      code: { coding: [{ system: 'http://loinc.org', code: '85354-9' }] }, component: [of('8480-6', 111), of('8462-4', 66)],
    });
    expect(made.status).toBe(201);
    const node = `resource:Observation/${(made.body as { id: string }).id}/1`;
    const facts = await primum.core.db.query<{ key: string; seq: number }>('select key, seq from fact where patient_id = $1 and message_id is null and code = any($2)', [ids.patient, ['8480-6', '8462-4']]);
    expect(facts).toHaveLength(2);
    const down = await lineage(node, 'down');
    for (const { key, seq } of facts) {
      const fact = `fact:${ids.patient}/${key}/${seq}`;
      expect(idsOf(down, 'fact')).toContain(fact);
      expect((await lineage(fact, 'up')).edges).toContainEqual({ from: node, to: fact });
    }
  });

  it('holds over a merge: facts keep the patient under whom they were known', async () => {
    const before = await lineage(`prediction:${ids.raised_by}`, 'up', '&limit=5000');
    await primum.send(admission(other, 'LIN2-A'), merge(other, patient, 'LIN-M', lastSentAt + 10_000));
    const after = await lineage(`prediction:${ids.raised_by}`, 'up', '&limit=5000');
    expect(idsOf(after, 'fact').sort()).toEqual(idsOf(before, 'fact').sort());
  });

  it('says what rests on a model, bounded, and that there is more', async () => {
    const graph = await lineage(`model:${ids.model}`, 'down', '&limit=10', engineer);
    expect(graph.nodes.length).toBe(10);
    expect(graph.truncated).toBe(true);
    const whole = await lineage(`model:${ids.model}`, 'down', '&limit=5000', engineer);
    expect(idsOf(whole, 'alert')).toContain(`alert:${ids.alert}`);
  });

  it('is FHIR Provenance too: every target and source is named', async () => {
    const answer = await ask(primum.httpPort, { path: `/api/lineage/provenance${query(`alert:${ids.alert}`, 'up', '&limit=5000')}`, token: clinician });
    expect(answer.headers['content-type']).toContain('application/fhir+json');
    const bundle = answer.body as Bundle<Provenance>; // asked for as such
    expect(bundle.entry!.length).toBeGreaterThan(20);
    for (const { resource } of bundle.entry!) {
      expect(resource!.target.length).toBe(1);
      expect(resource!.entity!.length).toBeGreaterThan(0);
    }
  });

  it('is a use of the record, on the audit log, and refuses what it cannot read', async () => {
    const [row] = await primum.core.db.query<{ count: number }>('select count(*) from audit_event where action = \'lineage.read\' and (patient_id = $1 or patient_ids @> array[$1::uuid])', [ids.patient]);
    expect(row!.count).toBeGreaterThan(5);
    for (const [node, status] of [['alert:x', 400], ['planet:1', 400], [`alert:${ids.patient}`, 404], [`resource:Patient/${ids.alert}/1`, 404], ['model:00', 400]] as const) {
      expect({ node, status: (await ask(primum.httpPort, { path: `/api/lineage${query(node, 'up')}`, token: clinician })).status }).toEqual({ node, status });
    }
  });

  it('answers in time over a long record', async () => {
    const started = performance.now();
    await lineage(`prediction:${ids.raised_by}`, 'up', '&limit=5000');
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});
