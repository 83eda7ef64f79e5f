import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BreachReport, Erasure, ErasureReceipt, LegalHold, Objection, PatientLine, RightsCase, SubjectPage } from '@primum/contract';
import { resourceAad } from '@primum/record';
import { openConfiguredKeys, receiptKeyId, verifyReceipt } from '@primum/trust';
import { tenant } from '../../core.ts';
import { receiptKeyOf } from '../../rights/execute-erasure.ts';
import { expectThat, type Proof } from '../proof.ts';
import { smallWard, type Invented, type Scratch } from '../scratch.ts';

const post = (path: string, body: unknown): { method: string; path: string; body: unknown } => ({ method: 'POST', path, body });

export const rightsDrill: Proof<Scratch> = {
  id: 'rights-drill', title: 'A copy for the person; restriction, rectification and objection', again: 'npx vitest run tests/rights.test.ts',
  run: async ({ as, patients, marker }) => {
    const person = patients[1]!; // more are invented
    const copy = JSON.stringify(await as('privacy-officer', { path: `/api/rights/subjects/${person.patientId}/bundle` }));
    expectThat(copy.includes(person.family) && copy.includes(person.mrn), 'the copy does not name the person');
    expectThat(patients.filter(({ patientId }) => patientId !== person.patientId).every(({ family, mrn }) => !copy.includes(family) && !copy.includes(mrn)), 'the copy names somebody else');
    const subject = (): Promise<SubjectPage> => as('privacy-officer', { path: `/api/rights/subjects/${person.patientId}` });
    const restriction = await as<RightsCase>('privacy-officer', post('/api/rights/cases', { patientId: person.patientId, kind: 'restriction', reason: `disputed by ${marker}` }));
    expectThat((await subject()).restricted, 'a restriction did not take effect');
    await as('privacy-officer', post(`/api/rights/cases/${restriction.id}`, { event: 'lift', statement: 'was checked' }));
    expectThat(!(await subject()).restricted, 'a restriction was not lifted');
    const opened = await as<RightsCase>('privacy-officer', post('/api/rights/cases', { patientId: person.patientId, kind: 'rectification', reason: 'was never a smoker' }));
    await as('privacy-officer', post(`/api/rights/cases/${opened.id}`, { event: 'deny', statement: 'the source says so' }));
    const disputed = await as<RightsCase>('privacy-officer', post(`/api/rights/cases/${opened.id}`, { event: 'dispute', statement: 'the source is wrong' }));
    expectThat(JSON.stringify(await as('privacy-officer', { path: `/api/rights/subjects/${person.patientId}/bundle` })).includes('the source is wrong'), 'a statement of disagreement does not stand beside the record');
    const objection = await as<Objection>('privacy-officer', post('/api/rights/objections', { patientId: person.patientId, scope: 'ai-scoring', givenBy: 'patient' }));
    expectThat((await subject()).aiOptOut, 'an objection did not take effect');
    await as('privacy-officer', post(`/api/rights/objections/${objection.id}/withdraw`, undefined));
    return {
      passed: true, says: 'The copy named the person and none of the others; a restriction took effect and was lifted; a denied rectification was disputed and the statement stood in the copy; an objection to scoring took effect.',
      figures: { copyBytes: copy.length, others: patients.length - 1, rectification: disputed.statements.map(({ event }) => event), dueAt: opened.dueAt },
    };
  },
};

/** By two people; refused while it must be; afterwards a copy of the database, and of the keys without their tombstones, opens nothing. */
export const eraseDrill: Proof<Scratch> = {
  id: 'erase-drill', title: 'A person is erased, and copies made before cannot be read', again: 'npx vitest run tests/rights.test.ts tests/backup.test.ts',
  run: async ({ as, ask, send, people, patients, folder, home, primum: { core } }) => {
    const person = patients.at(-1)!; // some are invented
    const request = post('/api/rights/erasures', { patientId: person.patientId, basis: 'requested-by-person', mrn: person.mrn });
    const refusals: (string | null)[] = [(await as<Erasure>('privacy-officer', request)).refusal];
    await send(person.discharge);
    refusals.push((await as<Erasure>('privacy-officer', request)).refusal);
    const schedule = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', '..', '..', 'policies', 'retention.json'), 'utf8')) as object; // the shipped schedule
    writeFileSync(join(home, 'retention.json'), JSON.stringify({ ...schedule, recordYearsAfterLastStay: 0 }));
    const hold = await as<LegalHold>('privacy-officer', post('/api/rights/holds', { patientId: person.patientId, reason: 'lawsuit' }));
    refusals.push((await as<Erasure>('privacy-officer', request)).refusal);
    await as('privacy-officer', post(`/api/rights/holds/${hold.id}/release`, undefined));
    expectThat(refusals.join() === 'stay-open,retention-duty,legal-hold', `an erasure was refused for other reasons: ${refusals.join()}`);

    const copies = (await core.db.query<{ type: string; id: string; version: number; body: Buffer }>('select type, id, version, body from resource where patient_id = $1', [person.patientId]))
      .map(({ type, id, version, body }) => ({ body, aad: resourceAad(tenant, type, id, version) }));
    const requested = await as<Erasure>('privacy-officer', request);
    expectThat(requested.status === 'requested', `an erasure was refused: ${requested.refusal}`);
    const alone = await ask({ ...post(`/api/rights/erasures/${requested.id}`, { decision: 'approve' }), cookie: people['privacy-officer'].cookie });
    expectThat(alone.status === 403, 'who asked for an erasure could approve it');
    const verified = await as<Erasure>('security-officer', post(`/api/rights/erasures/${requested.id}`, { decision: 'approve' }));
    expectThat(verified.status === 'verified', 'the erasure was not verified');
    const receipt = await as<ErasureReceipt>('security-officer', { path: `/api/rights/erasures/${requested.id}/receipt` });
    verifyReceipt(receipt, receiptKeyId(await receiptKeyOf(home)));
    expectThat((await ask({ path: `/api/fhir/Patient/${person.patientId}`, cookie: people.clinician.cookie })).status === 410, 'an erased patient still answered');
    const unreadable = await openedBy(copies, await thiefsKeys(folder, home));
    expectThat(copies.length > 0 && unreadable === 0, 'a copy made before the erasure could still be opened');
    return {
      passed: true, says: `Refused while the stay went on, while the record had to be kept and under a legal hold; refused to one person alone; then carried out and verified. ${copies.length} sealed values copied before could not be opened with the key store, its tombstones removed.`,
      figures: { refusals, removed: receipt.content.removed, keysDestroyed: receipt.content.destroyedKeys.length, copiesTried: copies.length, copiesOpened: unreadable, receiptKeyId: receipt.signature.keyId },
    };
  },
};

/** The key store as a thief would want it: everything in it, but no tombstone. */
async function thiefsKeys(folder: string, home: string): Promise<Awaited<ReturnType<typeof openConfiguredKeys>>> {
  const thief = join(folder, 'thief');
  mkdirSync(thief);
  cpSync(join(home, 'keys'), join(thief, 'keys'), { recursive: true });
  for (const file of readdirSync(join(thief, 'keys'), { recursive: true, withFileTypes: true })) if (file.isFile() && file.name.endsWith('.dead')) rmSync(join(file.parentPath, file.name));
  return openConfiguredKeys(thief, { tenants: [tenant] });
}

async function openedBy(copies: readonly { body: Buffer; aad: string }[], keys: Awaited<ReturnType<typeof openConfiguredKeys>>): Promise<number> {
  const opened = await Promise.all(copies.map(({ body, aad }) => keys.open(tenant, body, aad).then(() => true, () => false)));
  return opened.filter(Boolean).length;
}

const taken = 7;

/** An account that somebody else took over reads seven people by several ways; the drill must find these, and nobody else. */
export const breachDrill: Proof<Scratch> = {
  id: 'breach-drill', title: 'From a compromised account to the people it saw, and the clocks', again: 'primum breach --account NAME --from TIME --drill',
  run: async ({ addPerson, as, ask, people, patients, primum: { core } }) => {
    const from = core.clock.now();
    const account = await addPerson('taken-over', 'clinician', [smallWard.unit]);
    const seen = patients.slice(0, taken);
    await ask({ path: '/api/worklist', cookie: account.cookie }); // of its own small ward alone
    for (const [n, { patientId, stayId }] of seen.entries()) {
      if (n >= smallWard.patients) await ask({ ...post('/api/emergency-access', { patientId, reason: 'drill: said to be an emergency' }), cookie: account.cookie });
      const read = await ask({ path: n % 2 === 0 ? `/api/stays/${stayId}` : `/api/fhir/Patient/${patientId}`, cookie: account.cookie });
      expectThat(read.status === 200, 'the compromised account could not read what the drill wants it to');
    }
    const refused = await ask({ path: `/api/stays/${patients[taken]?.stayId}`, cookie: account.cookie });
    const head = await as<BreachReport>('privacy-officer', post('/api/breaches', { kind: 'account', subject: account.username, from: from.toISOString(), to: core.clock.now().toISOString(), discoveredAt: core.clock.now().toISOString(), drill: true }));
    const report = await as<BreachReport>('privacy-officer', { path: `/api/breaches/${head.id}` });
    const right = sameSet(report.affected.map(({ patientId }) => patientId), seen);
    const names = await as<PatientLine[]>('privacy-officer', { path: `/api/breaches/${head.id}/people` });
    expectThat(seen.every(({ mrn, patientId }) => names.some((one) => one.patientId === patientId && one.mrn === mrn)), 'the people to be told could not be named');
    expectThat((await ask({ path: `/api/breaches/${head.id}/people`, cookie: people['security-officer'].cookie })).status === 403, 'a security officer could read the names');
    await as('privacy-officer', post(`/api/breaches/${head.id}/steps`, { event: 'contain', note: 'The account was disabled' }));
    return {
      passed: right && refused.status === 403 && report.affectedCount === taken, says: `An account read ${taken} of ${patients.length} people by worklist, stay, FHIR and emergency access, and was refused another. The drill named ${report.affectedCount}${right ? ', exactly these' : ', not these'}, with what was done and ${report.clocks.length} duties with their dates.`,
      figures: { planted: taken, of: patients.length, found: report.affectedCount, exactlyThese: right, actions: report.actions, clocks: report.clocks.map(({ duty, source, hoursLeft }) => ({ duty, source, hoursLeft })) },
    };
  },
};

function sameSet(found: readonly string[], expected: readonly Invented[]): boolean {
  return [...found].sort().join() === expected.map(({ patientId }) => patientId).sort().join();
}
