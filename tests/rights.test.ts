import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Erasure, ErasureReceipt, LegalHold, ModelDecision, Objection, ReplayReport, RightsCase, RightsSubject, Role, StayPage, SubjectPage, Worklist } from '@primum/contract';
import { refreshObjections } from '@primum/record';
import { receiptKeyId, verifyReceipt } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tenant } from '../apps/primum/src/core.ts';
import { applyTombstones } from '../apps/primum/src/rights/apply-tombstones.ts';
import { executeErasure, receiptKeyOf, resumeErasures } from '../apps/primum/src/rights/execute-erasure.ts';
import { keptOfErased } from '../apps/primum/src/rights/personal-data.ts';
import { planRetention, runRetention } from '../apps/primum/src/rights/retention.ts';
import { settled } from '../apps/primum/src/settle.ts';
import { admission, discharge, merge, results, unlink, vitalSigns, type BenchPatient } from '../bench/support/ward-messages.ts';
import { ask, bootForTest, signIn, type Answer, type Booted } from './support/booted.ts';
import { admittedAt, illPatient, lastSentAt } from './support/ill-patient.ts';

const patientOf = (name: string): BenchPatient => ({ mrn: `MRN-${name}`, visit: `V-${name}`, bed: name, admittedAt });
const objector = patientOf('OBJECTOR');
const survivor = patientOf('SURVIVOR');
const prior = patientOf('PRIORREC');
const bystander = patientOf('BYSTANDER');
const leftAt = lastSentAt + 3_600_000;

let primum: Booted;
const tokens = new Map<Role, string>();
type Asked = { method?: string; path: string; body?: unknown };
const as = (role: Role, asked: Asked): Promise<Answer> => ask(primum.httpPort, { ...asked, token: tokens.get(role) });
async function answered<T>(role: Role, asked: Asked): Promise<T> {
  const answer = await as(role, asked);
  if (answer.status !== 200) throw new Error(`${asked.path} answered ${answer.status} ${answer.text}`);
  return answer.body as T; // the contract's shape, which the test of every route holds it to
}
const post = (path: string, body: unknown): Asked => ({ method: 'POST', path, body });
const stayOf = async (bed: string): Promise<{ id: string; patientId: string }> =>
  (await primum.core.db.query<{ id: string; patientId: string }>('select s.id, p.root_id as "patientId" from stay s join patient p on p.id = s.patient_id where s.bed = $1', [bed]))[0]!; // it was sent
const pageOf = async (bed: string): Promise<StayPage> => answered('clinician', { path: `/api/stays/${(await stayOf(bed)).id}?hours=72` });
const schedule = (years: number, archiveAfterDays: number | null = null): Promise<void> => writeFile(join(primum.home, 'retention.json'), JSON.stringify({
  recordYearsAfterLastStay: years,
  classes: ['raw-messages', 'record', 'predictions', 'audit', 'sessions', 'exports'].map((name) => ({ class: name, tables: [], archiveAfterDays: name === 'raw-messages' ? archiveAfterDays : null, disposeAfterDays: null, basis: 'test' })),
}));

beforeAll(async () => {
  primum = await bootForTest();
  for (const role of ['clinician', 'privacy-officer', 'security-officer', 'ml-engineer'] as const) {
    const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
    tokens.set(role, await signIn(primum, username, password));
  }
  await primum.send(
    ...[objector, survivor, prior, bystander].flatMap((patient) => illPatient(patient)),
    merge(survivor, prior, 'MERGE-1', leftAt), discharge(survivor, 'D-1', leftAt), discharge(prior, 'D-2', leftAt),
    // Known, but for a stay that nobody has announced: it stays in quarantine, with the name in it.
    results({ ...survivor, visit: 'V-UNKNOWN' }, 'Q-1', { order: 'Q1', at: leftAt, sentAt: leftAt, values: vitalSigns(() => 0.5, 0) }),
  );
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

describe('an objection to scoring', () => {
  let objection: Objection;

  it('ends scoring and the alert at once, with its reason', async () => {
    const { patientId } = await stayOf(objector.bed);
    expect((await pageOf(objector.bed)).alert).toMatchObject({ status: 'open' });
    objection = await answered('clinician', post('/api/rights/objections', { patientId, scope: 'ai-scoring', givenBy: 'patient', note: 'said so at the bedside' }));
    expect(objection).toMatchObject({ status: 'active', inForce: true });
    await settled(primum.core.db, 10_000);
    const page = await pageOf(objector.bed);
    expect(page.risk).toMatchObject({ status: 'ineligible', reasons: ['objected to automated scoring'] });
    expect(page.alert).toBeNull();
    const last = page.trend.at(-1)!;
    expect(last).toMatchObject({ status: 'ineligible', probability: null });
    expect(await answered<ReplayReport>('clinician', { method: 'POST', path: `/api/predictions/${last.predictionId}/replay` })).toMatchObject({ outcome: 'identical' });
  });

  it('is scored again once it is withdrawn, and cannot be withdrawn twice', async () => {
    const withdrawn = await answered<Objection>('privacy-officer', post(`/api/rights/objections/${objection.id}/withdraw`, undefined));
    expect(withdrawn).toMatchObject({ status: 'withdrawn', inForce: false });
    await settled(primum.core.db, 10_000);
    expect((await pageOf(objector.bed)).risk).toMatchObject({ status: 'scored' });
    expect((await as('privacy-officer', post(`/api/rights/objections/${objection.id}/withdraw`, undefined))).status).toBe(409);
    const versions = await primum.core.db.query<{ version: number }>('select version from resource where type = \'Consent\' and id = $1 order by version', [objection.id]);
    expect(versions.map(({ version }) => version)).toEqual([1, 2]);
  });

  it('holds in its period only', async () => {
    const { patientId } = await stayOf(objector.bed);
    const day = 86_400_000;
    const from = new Date(Date.now() + day);
    await answered('privacy-officer', post('/api/rights/objections', { patientId, scope: 'research', givenBy: 'representative', from: from.toISOString(), until: new Date(from.getTime() + day).toISOString() }));
    const optedOut = async (at: number): Promise<boolean> => primum.core.db.transaction(async (tx) => {
      await refreshObjections(tx, tenant, new Date(at));
      return (await tx.query<{ research_opt_out: boolean }>('select research_opt_out from patient where id = $1', [patientId]))[0]!.research_opt_out;
    });
    expect([await optedOut(Date.now()), await optedOut(from.getTime() + 1), await optedOut(from.getTime() + 2 * day)]).toEqual([false, true, false]);
  });
});

describe('an objection and merged records', () => {
  it('counts for the whole group, and stays with the record it was made on when they are parted', async () => {
    const [first, second] = [patientOf('FIRSTREC'), patientOf('SECONDREC')];
    await primum.send(...illPatient(first), ...illPatient(second));
    const { patientId } = await stayOf(second.bed);
    await answered('privacy-officer', post('/api/rights/objections', { patientId, scope: 'ai-scoring', givenBy: 'patient' }));
    await settled(primum.core.db, 10_000);
    expect((await pageOf(first.bed)).risk.status).toBe('scored');
    await primum.send(merge(first, second, 'MERGE-O', lastSentAt + 60_000));
    for (const { bed } of [first, second]) expect((await pageOf(bed)).risk).toMatchObject({ status: 'ineligible', reasons: ['objected to automated scoring'] });
    await primum.send(unlink(first, second, 'UNLINK-O', lastSentAt + 120_000));
    expect((await pageOf(first.bed)).risk.status).toBe('scored');
    expect((await pageOf(second.bed)).risk.status).toBe('ineligible');
  });
});

describe('restriction and rectification', () => {
  it('restrict, and are lifted, as their lifecycle says', async () => {
    const { patientId } = await stayOf(objector.bed);
    const opened = await answered<RightsCase>('privacy-officer', post('/api/rights/cases', { patientId, kind: 'restriction', reason: 'disputes the accuracy' }));
    await settled(primum.core.db, 10_000);
    expect((await pageOf(objector.bed)).risk).toMatchObject({ status: 'ineligible', reasons: ['processing restricted'] });
    expect((await as('privacy-officer', post(`/api/rights/cases/${opened.id}`, { event: 'accept', statement: 'not of this kind' }))).status).toBe(409);
    await answered('privacy-officer', post(`/api/rights/cases/${opened.id}`, { event: 'lift', statement: 'was checked' }));
    await settled(primum.core.db, 10_000);
    expect((await pageOf(objector.bed)).risk).toMatchObject({ status: 'scored' });
    expect((await answered<SubjectPage>('privacy-officer', { path: `/api/rights/subjects/${patientId}` })).restricted).toBe(false);
  });

  it('keep what a person disputes beside the record', async () => {
    const { patientId } = await stayOf(objector.bed);
    const opened = await answered<RightsCase>('privacy-officer', post('/api/rights/cases', { patientId, kind: 'rectification', reason: 'was never a smoker' }));
    await answered('privacy-officer', post(`/api/rights/cases/${opened.id}`, { event: 'deny', statement: 'the source says so' }));
    const disputed = await answered<RightsCase>('privacy-officer', post(`/api/rights/cases/${opened.id}`, { event: 'dispute', statement: 'the source is wrong' }));
    expect(disputed.statements.map(({ event }) => event)).toEqual(['request', 'deny', 'dispute']);
    const copy = await as('privacy-officer', { path: `/api/rights/subjects/${patientId}/bundle?format=ndjson` });
    const resources = copy.text.trim().split('\n').map((line) => JSON.parse(line) as { resourceType: string });
    const types = Map.groupBy(resources, ({ resourceType }) => resourceType);
    expect([...types.keys()].sort()).toEqual(['Communication', 'Consent', 'Encounter', 'Observation', 'Patient', 'Provenance', 'RiskAssessment']);
    expect(copy.text).toContain('the source is wrong');
    expect(copy.text).not.toContain(bystander.mrn);
    const bundle = await as('privacy-officer', { path: `/api/rights/subjects/${patientId}/bundle` });
    expect(bundle.body).toMatchObject({ resourceType: 'Bundle', type: 'collection' });
    expect((bundle.body as { entry: unknown[] }).entry).toHaveLength(resources.length);
  });
});

describe('an erasure', () => {
  const request = (patientId: string, mrn: string): Asked => post('/api/rights/erasures', { patientId, basis: 'requested-by-person', mrn });

  it('is refused while a stay goes on, a hold stands or the record must be kept, with the reason and the date', async () => {
    const open = await stayOf(bystander.bed);
    expect(await answered<Erasure>('privacy-officer', request(open.patientId, bystander.mrn))).toMatchObject({ status: 'refused', refusal: 'stay-open' });
    const { patientId } = await stayOf(survivor.bed);
    await schedule(10);
    const kept = await answered<Erasure>('privacy-officer', request(patientId, survivor.mrn));
    expect(kept).toMatchObject({ status: 'refused', refusal: 'retention-duty' });
    expect(kept.refusedUntil).toBe(new Date(Date.UTC(2036, 5, 1, 20, 36)).toISOString());
    await schedule(0);
    const hold = await answered<LegalHold>('privacy-officer', post('/api/rights/holds', { patientId, reason: 'lawsuit' }));
    expect(await answered<Erasure>('privacy-officer', request(patientId, survivor.mrn))).toMatchObject({ status: 'refused', refusal: 'legal-hold' });
    await answered('privacy-officer', post(`/api/rights/holds/${hold.id}/release`, undefined));
  });

  it('asks for the right number, and for a second person', async () => {
    const [subject] = await answered<RightsSubject[]>('privacy-officer', post('/api/rights/find', { mrn: prior.mrn }));
    expect(subject).toMatchObject({ patientId: (await stayOf(survivor.bed)).patientId, name: `Bench, ${survivor.bed}` });
    expect((await as('privacy-officer', request(subject!.patientId, bystander.mrn))).status).toBe(400);
    const requested = await answered<Erasure>('privacy-officer', request(subject!.patientId, survivor.mrn));
    expect(requested.status).toBe('requested');
    expect((await as('privacy-officer', request(subject!.patientId, survivor.mrn))).status).toBe(409);
    expect((await as('privacy-officer', post(`/api/rights/erasures/${requested.id}`, { decision: 'approve' }))).status).toBe(403);
  });

  it('takes the whole group of merged records out of a running server, and nobody else', async () => {
    const { db } = primum.core;
    const { id: stayId, patientId } = await stayOf(survivor.bed);
    const page = await pageOf(survivor.bed);
    expect(page.identity.name).toBe(`Bench, ${survivor.bed}`);
    const memberIds = (await db.query<{ id: string }>('select id from patient where root_id = $1', [patientId])).map(({ id }) => id);
    expect(memberIds).toHaveLength(2);
    const others = async (): Promise<unknown> => db.query(
      'select (select count(*) from fact where patient_id <> all($1::uuid[])) as facts, (select count(*) from resource where patient_id <> all($1)) as resources', [memberIds]);
    // Others are still being scored: their predictions may become more, and none goes.
    const predictions = async (): Promise<string[]> => (await db.query<{ id: string }>('select id from prediction where patient_id <> all($1::uuid[])', [memberIds])).map(({ id }) => id);
    const before = await others();
    const scored = await predictions();
    expect(scored.length).toBeGreaterThan(0);
    await db.query('update patient set in_training = true where id = $1', [patientId]);
    const [erasure] = (await answered<Erasure[]>('security-officer', { path: '/api/rights/erasures' })).filter(({ status }) => status === 'requested');
    expect(await answered<Erasure>('security-officer', post(`/api/rights/erasures/${erasure!.id}`, { decision: 'approve' }))).toMatchObject({ status: 'verified', hasReceipt: true });

    expect(await others()).toEqual(before);
    expect(await predictions()).toEqual(expect.arrayContaining(scored));
    expect((await as('clinician', { path: `/api/stays/${stayId}` })).status).toBe(410);
    for (const id of memberIds) expect((await as('clinician', { path: `/api/fhir/Patient/${id}` })).status).toBe(410);
    expect((await as('clinician', { path: `/api/predictions/${page.trend[0]!.predictionId}` })).status).toBe(410);
    expect(await answered<ReplayReport>('clinician', { method: 'POST', path: `/api/predictions/${page.trend[0]!.predictionId}/replay` })).toMatchObject({ outcome: 'not-replayable' });
    expect((await as('privacy-officer', request(patientId, survivor.mrn))).status).toBe(410);
    expect(JSON.stringify(await answered<Worklist>('clinician', { path: '/api/worklist' }))).not.toMatch(/SURVIVOR|PRIORREC/);
    expect(await answered<RightsSubject[]>('privacy-officer', post('/api/rights/find', { mrn: survivor.mrn }))).toEqual([]);
    expect((await tablesWith(memberIds)).filter((table) => keptOfErased[table] === undefined)).toEqual([]);
    expect(await primum.core.keys.destroyed(tenant, memberIds)).toEqual(memberIds);
    for (const name of [survivor, prior]) expect(await clearOccurrences(name)).toEqual([]);
  });

  it('leaves no message whose content names the person: applied, of several patients, or in quarantine', async () => {
    const rows = await primum.core.db.query<{ control_id: string; status: string }>('select control_id, status from message where sealed is null order by arrival', []);
    const named = rows.map(({ control_id }) => control_id);
    expect(named).toContain('MERGE-1');
    expect(named).toContain('Q-1');
    expect(rows).toHaveLength(2 * 25 + 4);
    const opened = await openEveryMessage();
    expect(opened.length).toBeGreaterThan(40);
    expect(opened.filter((text) => /SURVIVOR|PRIORREC/.test(text))).toEqual([]);
  });

  it('gives a signed receipt that can be checked', async () => {
    const [erasure] = (await answered<Erasure[]>('security-officer', { path: '/api/rights/erasures' })).filter(({ status }) => status === 'verified');
    const receipt = await answered<ErasureReceipt>('security-officer', { path: `/api/rights/erasures/${erasure!.id}/receipt` });
    expect(receipt.content).toMatchObject({ verification: { rowsLeft: {}, keysLeft: 0 } });
    expect(receipt.content.removed).toMatchObject({ patient: 2, stay: 2, message: 2 * 25 + 4 });
    expect(JSON.stringify(receipt)).not.toMatch(/SURVIVOR|PRIORREC/);
    const keyId = receiptKeyId(await receiptKeyOf(primum.home));
    verifyReceipt(receipt, keyId);
    expect(() => verifyReceipt({ ...receipt, content: { ...receipt.content, removed: {} } }, keyId)).toThrow('another content');
  });

  it('asks for a decision on the models that were trained on the person', async () => {
    const [decision] = await answered<ModelDecision[]>('ml-engineer', { path: '/api/rights/model-decisions' });
    expect(decision).toMatchObject({ decision: null });
    expect(await answered<ModelDecision>('ml-engineer', post(`/api/rights/model-decisions/${decision!.id}`, { decision: 'keep', reason: 'one stay of many thousand' }))).toMatchObject({ decision: 'keep' });
    expect((await as('ml-engineer', post(`/api/rights/model-decisions/${decision!.id}`, { decision: 'retire', reason: 'second thoughts' }))).status).toBe(409);
  });

  it('is not undone by a sender who sends an old message again', async () => {
    await primum.send(illPatient(survivor)[0]!);
    expect(await answered<RightsSubject[]>('privacy-officer', post('/api/rights/find', { mrn: survivor.mrn }))).toEqual([]);
  });

  it('goes on after a crash between the rows and the keys', async () => {
    const { db, keys } = primum.core;
    const gone = patientOf('CRASHED');
    await primum.send(admission(gone, 'CR-1'), discharge(gone, 'CR-2', leftAt));
    const { patientId } = await stayOf(gone.bed);
    const { id } = await answered<Erasure>('privacy-officer', request(patientId, gone.mrn));
    await db.query('update erasure set status = \'approved\', decided_at = now(), decided_by = requested_by where id = $1', [id]);
    const crashing = { ...primum.core, keys: { ...keys, destroy: () => Promise.reject(new Error('the process is killed here')) } };
    await expect(executeErasure(crashing, [], id)).rejects.toThrow('killed here');
    expect((await as('clinician', { path: `/api/fhir/Patient/${patientId}` })).status).toBe(410);
    await resumeErasures(primum.core, async () => [], { olderThanMs: -1_000 });
    expect(await answered<ErasureReceipt>('security-officer', { path: `/api/rights/erasures/${id}/receipt` })).toMatchObject({ content: { destroyedKeys: [patientId], removed: { patient: 1 } } });
    expect(await keys.destroyed(tenant, [patientId])).toEqual([patientId]);
  });

  it('is repeated where a restored database brings rows back', async () => {
    const { db } = primum.core;
    const [{ patient_id: id } = { patient_id: '' }] = await db.query<{ patient_id: string }>('select patient_id from erased_patient limit 1', []);
    await db.query('insert into patient (tenant, id, site_id, root_id) select 1, $1, site_id, $1 from patient limit 1', [id]);
    await db.query('insert into fact select tenant, $1, seq, n, key, code, value, text, effective_at, status, flag, message_id from fact limit 5', [id]);
    await db.query('delete from erased_patient where patient_id = $1', [id]);
    expect(await applyTombstones(primum.core)).toBe(1);
    expect((await tablesWith([id])).filter((table) => keptOfErased[table] === undefined)).toEqual([]);
    expect(await applyTombstones(primum.core)).toBe(0);
  });
});

describe('retention', () => {
  it('does what is due and says so; a hold keeps a class as it is', async () => {
    const { db, objects } = primum.core;
    await schedule(0, 0);
    const hold = await answered<LegalHold>('privacy-officer', post('/api/rights/holds', { dataClass: 'raw-messages', reason: 'inquiry' }));
    await sleep(5);
    const [planned] = await planRetention(primum.core);
    expect(planned).toMatchObject({ dataClass: 'raw-messages', action: 'archive', held: true });
    expect(planned!.rows).toBeGreaterThan(40);
    expect(await runRetention(primum.core)).toMatchObject([{ rows: 0, held: true }]);
    await answered('privacy-officer', post(`/api/rights/holds/${hold.id}/release`, undefined));
    const { patientId } = await stayOf(bystander.bed);
    await answered('privacy-officer', post('/api/rights/holds', { patientId, reason: 'lawsuit' }));
    const [done] = await runRetention(primum.core);
    expect(done).toMatchObject({ dataClass: 'raw-messages', action: 'archive', held: false, rows: planned!.rows - 25 });
    const archived = await db.query<{ digest: string }>('select encode(object_digest, \'hex\') as digest from message where object_digest is not null', []);
    expect(archived).toHaveLength(planned!.rows - 25);
    expect(await objects.has(archived[0]!.digest)).toBe(true);
    expect(await db.query('select rows_done, held from retention_run order by ran_at', [])).toEqual([{ rows_done: 0, held: true }, { rows_done: planned!.rows - 25, held: false }]);
  });
});

/** Tables in which one of these ids stands in any column of ids. */
async function tablesWith(ids: readonly string[]): Promise<string[]> {
  const { db } = primum.core;
  const columns = await db.query<{ table: string; column: string; type: string }>(
    `select c.table_name as table, c.column_name as column, c.data_type as type from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and (c.data_type = 'uuid' or (c.data_type = 'ARRAY' and c.udt_name = '_uuid'))`, []);
  const found = new Set<string>();
  for (const { table, column, type } of columns) {
    const rows = await db.query(`select from ${table} where ${column} ${type === 'uuid' ? '= any($1::uuid[])' : '&& $1::uuid[]'} limit 1`, [ids]);
    if (rows.length > 0) found.add(table);
  }
  // The stream's payloads name pseudonyms for the hour that they are kept.
  return [...found].filter((table) => table !== 'stream_event' && table !== 'outbox').sort();
}

/** Tables whose rows, as text, hold the person's name or number in clear. */
async function clearOccurrences({ mrn, bed }: BenchPatient): Promise<string[]> {
  const { db } = primum.core;
  const tables = await db.query<{ name: string }>('select table_name as name from information_schema.tables where table_schema = \'public\' and table_type = \'BASE TABLE\'', []);
  const found: string[] = [];
  for (const { name } of tables) {
    if (name === 'message') continue; // control ids are protocol fields; the test's own carry the number
    const rows = await db.query(`select from ${name} t where t::text like $1 or t::text like $2 limit 1`, [`%${mrn}%`, `%${bed}%`]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}

/** The text of every message that can still be opened. */
async function openEveryMessage(): Promise<string[]> {
  const rows = await primum.core.db.query<{ id: string; sealed: Buffer }>('select id, sealed from message where sealed is not null', []);
  return Promise.all(rows.map(async ({ id, sealed }) => (await primum.core.keys.open(tenant, sealed, `message|${tenant}|${id}`)).toString()));
}
