import type { Patient } from '@medplum/fhirtypes';
import type { ErasureReceipt } from '@primum/contract';
import { assert } from '@primum/base';
import { archivedMessageObjects, emptyMessages, findLooseMessages, waveformObjects } from '@primum/ingest';
import { contentObjects, lockGroup, resourceAad } from '@primum/record';
import { signingKeyAt, type ModelPackage } from '@primum/registry';
import { writeOutbox, type Sql } from '@primum/store';
import { countPersonalData, mintSystemPrincipal, receiptFormat, removePersonalData, signReceipt, type Keys } from '@primum/trust';
import { join } from 'node:path';
import { endExports } from '../bulk/jobs.ts';
import { tenant, type Core } from '../core.ts';
import { readErasure, type ErasureRow, type Removal } from './erasure-rows.ts';
import { openModelDecisions } from './model-decisions.ts';

/**
 * Carries out an approved erasure, in two steps of which each can be repeated after a crash (`resumeErasures`):
 *
 * 1. In one transaction, under the person's lock: messages are located, all rows of the whole group of merged records are
 *    removed (of messages: their content), models that were trained on the person get a decision to make, pseudonyms of
 *    what was there are kept for 410 and against a restored database, everybody is told to forget.
 * 2. The keys are destroyed, in the key store outside the database: copies of the database are unreadable from now on.
 *    What a writer that was under way may have left is removed, the absence of rows and keys is checked, and the
 *    receipt is signed. A check that finds something left throws, and is tried again.
 */
export async function executeErasure(core: Core, packages: readonly ModelPackage[], id: string): Promise<void> {
  const row = await readErasure(core.db, id);
  if (row?.status === 'approved') await removeRows(core, packages, row);
  await destroyAndVerify(core, id);
}

/** Goes on with what a crash interrupted; what was approved just now is being carried out by who took the approval. */
export async function resumeErasures(core: Core, packages: () => Promise<readonly ModelPackage[]>, { olderThanMs = 30_000 }: { olderThanMs?: number } = {}): Promise<number> {
  const rows = await core.db.query<{ id: string }>(
    `select id from erasure where tenant = $1 and status in ('approved', 'executed') and coalesce(executed_at, decided_at) < $2 order by id limit 20`,
    [tenant, new Date(core.clock.now().getTime() - olderThanMs)]);
  if (rows.length === 0) return 0;
  const loaded = await packages();
  for (const { id } of rows) await executeErasure(core, loaded, id);
  return rows.length;
}

export const receiptKeyOf = (home: string): ReturnType<typeof signingKeyAt> => signingKeyAt(join(home, 'keys', 'receipt-signing.pem'));

async function removeRows(core: Core, packages: readonly ModelPackage[], row: ErasureRow): Promise<void> {
  const { db, keys, clock } = core;
  const memberIds = await db.transaction(async (tx) => {
    if (!await stillIn(tx, row.id, 'approved')) return [];
    const group = await lockGroup(tx, tenant, row.patient_id);
    const ids = group.memberIds;
    const { tokens, texts } = await identifiersOf(tx, keys, ids);
    const loose = await findLooseMessages({ db: tx, keys, now: () => clock.now().getTime() }, tenant, { tokens, texts });
    const objects = [...await archivedMessageObjects(tx, tenant, ids), ...await waveformObjects(tx, tenant, ids), ...await contentObjects(tx, tenant, ids)];
    await endExports(tx);
    await openModelDecisions(core, tx, packages, { erasureId: row.id, memberIds: ids, identifiers: texts });
    await rememberErased(tx, ids, row.id, clock.now());
    const removed: Record<string, number> = { ...await removePersonalData(core.personalData, tx, tenant, ids) };
    const emptied = await emptyMessages(tx, tenant, loose.ids);
    if (emptied > 0) removed['message'] = (removed['message'] ?? 0) + emptied;
    const removal: Removal = { removed, searchedAsText: loose.searchedAsText, objects };
    await tx.query('update erasure set status = \'executed\', executed_at = $3, receipt = $4 where tenant = $1 and id = $2', [tenant, row.id, clock.now(), JSON.stringify(removal)]);
    await tellEverybody(core, tx, 'erasure.executed', row.id, ids);
    return ids;
  });
  for (const forget of core.onErased) forget(memberIds);
}

async function destroyAndVerify(core: Core, id: string): Promise<void> {
  const { db, keys, clock } = core;
  const row = await readErasure(db, id);
  if (row === undefined || row.status !== 'executed') return;
  const removal = row.receipt as Removal; // what removeRows left there
  const ids = (await db.query<{ patient_id: string }>('select patient_id from erased_patient where tenant = $1 and erasure_id = $2 order by patient_id', [tenant, id])).map(({ patient_id }) => patient_id);
  for (const patientId of ids) await keys.destroy(tenant, { kind: 'patient', patientId });
  for (const digest of removal.objects) await core.objects.remove(digest);
  const key = await receiptKeyOf(core.home);
  await db.transaction(async (tx) => {
    if (!await stillIn(tx, id, 'executed')) return;
    const late = await removePersonalData(core.personalData, tx, tenant, ids);
    const rowsLeft = await countPersonalData(core.personalData, tx, tenant, ids);
    const keysLeft = ids.length - (await keys.destroyed(tenant, ids)).length;
    assert(Object.keys(rowsLeft).length === 0 && keysLeft === 0, 'an erasure left something behind');
    const verifiedAt = clock.now();
    const removed = { ...removal.removed };
    for (const [table, count] of Object.entries(late)) removed[table] = (removed[table] ?? 0) + count;
    const models = await tx.query<{ digest: string; name: string; due_at: Date }>('select encode(model_digest, \'hex\') as digest, model_name as name, due_at from model_decision where tenant = $1 and erasure_id = $2 order by 1', [tenant, id]);
    const content: ErasureReceipt['content'] = {
      format: receiptFormat, erasureId: id, basis: row.basis, requestedAt: row.requested_at.toISOString(), approvedAt: instant(row.decided_at),
      executedAt: instant(row.executed_at), verifiedAt: verifiedAt.toISOString(), patientIds: ids, removed, destroyedKeys: ids,
      verification: { rowsLeft: { ...rowsLeft }, keysLeft, searchedAsText: removal.searchedAsText },
      models: models.map(({ digest, name, due_at }) => ({ digest, name, dueAt: due_at.toISOString() })),
    };
    await tx.query('update erasure set status = \'verified\', verified_at = $3, receipt = $4 where tenant = $1 and id = $2 and status = \'executed\'', [tenant, id, verifiedAt, JSON.stringify(signReceipt(key, content))]);
    await tellEverybody(core, tx, 'erasure.verified', id, ids);
  });
}

/** Whoever holds the row's lock carries the erasure on; another process finds it further on and leaves it. */
async function stillIn(tx: Sql, id: string, status: ErasureRow['status']): Promise<boolean> {
  const [row] = await tx.query<{ status: ErasureRow['status'] }>('select status from erasure where tenant = $1 and id = $2 for update', [tenant, id]);
  return row?.status === status;
}

function instant(at: Date | null): string {
  assert(at !== null, 'an executed erasure has its times');
  return at.toISOString();
}

/** Tokens by which messages name the person, and the numbers themselves while their key is still there. */
async function identifiersOf(tx: Sql, keys: Keys, memberIds: readonly string[]): Promise<{ tokens: Set<string>; texts: string[] }> {
  const tokens = await tx.query<{ token: string }>('select encode(token, \'hex\') as token from patient_identifier where tenant = $1 and patient_id = any($2::uuid[])', [tenant, memberIds]);
  const bodies = await tx.query<{ id: string; version: number; body: Buffer }>(
    'select distinct on (id) id, version, body from resource where tenant = $1 and type = \'Patient\' and id = any($2::uuid[]) order by id, version desc', [tenant, memberIds]);
  const texts: string[] = [];
  for (const { id, version, body } of bodies) {
    const patient = JSON.parse((await keys.open(tenant, body, resourceAad(tenant, 'Patient', id, version))).toString()) as Patient; // sealed by the record as a Patient
    texts.push(...(patient.identifier ?? []).flatMap(({ value }) => value ?? []));
  }
  return { tokens: new Set(tokens.map(({ token }) => token)), texts };
}

/** Pseudonyms of patients, and of what is answered for with 410 from now on. */
export async function rememberErased(tx: Sql, memberIds: readonly string[], erasureId: string | null, at: Date): Promise<void> {
  await tx.query('insert into erased_patient (tenant, patient_id, erasure_id, at) select $1, id, $3, $4 from unnest($2::uuid[]) id on conflict do nothing', [tenant, memberIds, erasureId, at]);
  await tx.query(`
    insert into erased_record (tenant, id, patient_id)
    select $1, id, patient_id from (
      select id, patient_id from resource where tenant = $1 and patient_id = any($2::uuid[])
      union all select id, patient_id from stay where tenant = $1 and patient_id = any($2)
      union all select id, patient_id from prediction where tenant = $1 and patient_id = any($2)) r
    on conflict do nothing`, [tenant, memberIds]);
}

async function tellEverybody(core: Core, tx: Sql, action: string, id: string, patientIds: readonly string[]): Promise<void> {
  await core.audit.write(tx, [{ tenant, principal: mintSystemPrincipal('trust'), purpose: 'PATRQT', action, outcome: 'success', at: core.clock.now(), patientIds, entities: [{ type: 'erasure', id }] }]);
  await writeOutbox(tx, [{ tenant, topic: 'patient.erased', payload: { patientIds: [...patientIds] } }]);
}
