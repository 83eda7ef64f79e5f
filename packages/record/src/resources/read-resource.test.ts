import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Patient } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, uuidv7 } from '@primum/base';
import type { Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, mintSystemPrincipal, openKeys, withPhiReader, type Audit, type Keys, type PhiReader, type Policy } from '@primum/trust';
import { identityOf } from '../patients/identity-of.ts';
import { readHistory, readResource } from './read-resource.ts';
import { readPatientFacts } from '../patients/read-patient-facts.ts';
import { sealResources, writeResourceRows, type ResourceRow } from './resource-rows.ts';

const tenant = 1;
let db: Db;
let drop: () => Promise<void>;
let keys: Keys;
let audit: Audit;
let policy: Policy;
let directory: string;
beforeAll(async () => {
  ({ db, drop } = await createTestDatabase());
  directory = mkdtempSync(join(tmpdir(), 'primum-record-'));
  keys = await openKeys({ directory, tenants: [tenant] });
  audit = createAudit({ keys });
  policy = createPolicy({ readPatientFacts, demonstration: true });
});
afterAll(async () => {
  await drop();
  rmSync(directory, { recursive: true, force: true });
});

const patient = (id: string, family: string): Patient => ({
  resourceType: 'Patient', id, name: [{ family, given: ['Ada', 'B'] }], birthDate: '1970-02-03', gender: 'female',
  identifier: [{ system: 'urn:other', value: 'OTHER' }, { type: { coding: [{ code: 'MR' }] }, system: 'urn:mr', value: `MRN-${family}` }],
});
const row = (id: string, version: number, family: string): ResourceRow => ({ type: 'Patient', id, version, patientId: id, messageId: null, body: patient(id, family) });
async function write(...rows: ResourceRow[]): Promise<void> {
  await keys.ensure(tenant, rows.map(({ patientId }) => ({ kind: 'patient', patientId: patientId ?? '' })));
  await writeResourceRows(db, tenant, 1, await sealResources(keys, tenant, rows));
}
const reading = <T>(patientIds: string[], work: (reader: PhiReader) => Promise<T>): Promise<T> => withPhiReader({ db, keys, audit, policy, clock: systemClock }, {
  tenant, principal: mintSystemPrincipal('ingest'), purpose: 'TREAT', scope: { patientIds }, action: 'phi.read',
}, work);

describe('resources', () => {
  it('reads the current version, an earlier one, and the history', async () => {
    const id = uuidv7();
    await write(row(id, 1, 'Before'), row(id, 2, 'After'));
    const at = { type: 'Patient', id };
    expect(await reading([id], (reader) => readResource(db, reader, at))).toMatchObject({ version: 2, deleted: false, resource: { name: [{ family: 'After' }], meta: { versionId: '2' } } });
    expect(await reading([id], (reader) => readResource(db, reader, { ...at, version: 1 }))).toMatchObject({ resource: { name: [{ family: 'Before' }] } });
    expect((await reading([id], (reader) => readHistory(db, reader, at))).map(({ version }) => version)).toEqual([2, 1]);
    await expect(reading([id], (reader) => readResource(db, reader, { ...at, version: 3 }))).rejects.toMatchObject({ code: 'record.not-found' });
  });

  it('holds no name in clear', async () => {
    const id = uuidv7();
    await write(row(id, 1, 'Geheimnis'));
    const [stored] = await db.query<{ body: Buffer }>('select body from resource where id = $1', [id]);
    expect(stored!.body.includes('Geheimnis')).toBe(false);
  });

  it('opens no body in the place of another', async () => {
    const [a, b] = [uuidv7(), uuidv7()];
    await write(row(a, 1, 'A'), row(a, 2, 'A2'), row(b, 1, 'B'));
    await db.query('update resource r set body = o.body from resource o where r.id = $1 and r.version = 2 and o.id = $1 and o.version = 1', [a]);
    await expect(reading([a], (reader) => readResource(db, reader, { type: 'Patient', id: a }))).rejects.toMatchObject({ code: 'trust.sealed-corrupt' });
  });

  it('says that content was erased once the key is gone', async () => {
    const id = uuidv7();
    await write(row(id, 1, 'Gone'));
    await keys.destroy(tenant, { kind: 'patient', patientId: id });
    await expect(reading([id], (reader) => readResource(db, reader, { type: 'Patient', id }))).rejects.toMatchObject({ code: 'record.erased' });
    expect(await reading([id], (reader) => identityOf(db, reader, [id]))).toEqual(new Map());
  });

  it('keeps a reader to its patients', async () => {
    const [a, b] = [uuidv7(), uuidv7()];
    await write(row(a, 1, 'A'), row(b, 1, 'B'));
    await expect(reading([a], (reader) => readResource(db, reader, { type: 'Patient', id: b }))).rejects.toMatchObject({ code: 'auth.forbidden' });
    await expect(reading([a], (reader) => identityOf(db, reader, [a, b]))).rejects.toMatchObject({ code: 'auth.forbidden' });
  });
});

describe('identityOf', () => {
  it('reads name, birth date, MRN and sex, and takes what it knows while the version stands', async () => {
    const id = uuidv7();
    await write(row(id, 1, 'First'));
    const known = await reading([id], (reader) => identityOf(db, reader, [id]));
    expect(known.get(id)).toEqual({ version: 1, identity: { name: 'First, Ada B', birthDate: '1970-02-03', mrn: 'MRN-First', sex: 'female' } });
    const marked = new Map([[id, { version: 1, identity: { ...known.get(id)!.identity, name: 'from the cache' } }]]);
    expect((await reading([id], (reader) => identityOf(db, reader, [id], marked))).get(id)?.identity.name).toBe('from the cache');
    await write(row(id, 2, 'Second'));
    expect((await reading([id], (reader) => identityOf(db, reader, [id], marked))).get(id)).toMatchObject({ version: 2, identity: { name: 'Second, Ada B' } });
  });
});
