import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '@primum/base';
import { messageAad } from '@primum/ingest';
import { resourceAad } from '@primum/record';
import { createTestDatabase } from '@primum/store/testing';
import { openDb } from '@primum/store';
import { mintSystemPrincipal, openConfiguredKeys } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootPrimum } from '../apps/primum/src/boot.ts';
import { makeKeyBackup, restoreKeys } from '../apps/primum/src/backup/key-backup.ts';
import { makeBackup, type BackupMade } from '../apps/primum/src/backup/make-backup.ts';
import { startBackups } from '../apps/primum/src/backup/start-backups.ts';
import { verifyBackup } from '../apps/primum/src/backup/verify-backup.ts';
import { restoreBackup } from '../apps/primum/src/backup/restore-backup.ts';
import { listBackups } from '../apps/primum/src/backup/backup-folder.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { admission, results, vitalSigns } from '../bench/support/ward-messages.ts';
import { bootForTest, type Booted } from './support/booted.ts';

const principal = mintSystemPrincipal('cli:test');
const admittedAt = Date.UTC(2026, 5, 1, 8);
const patientOf = (n: number): { mrn: string; visit: string; bed: string; admittedAt: number } => ({ mrn: `BKP-${n}-Zyxwquist`, visit: `BV${n}`, bed: `B${n}`, admittedAt });
const messagesOf = (n: number): string[] => [
  admission(patientOf(n), `B${n}-0`),
  ...[1, 2, 3].map((hour) => results(patientOf(n), `B${n}-${hour}`, { order: `B${n}-${hour}`, at: admittedAt + hour * 3_600_000, sentAt: admittedAt + hour * 3_600_000, values: vitalSigns(() => 0.5, 0) })),
];

let primum: Booted;
let places: string;
let made: BackupMade;
const place = (name: string): string => join(places, name);

beforeAll(async () => {
  places = await mkdtemp(join(process.getuid?.() === 0 ? '/var/tmp' : tmpdir(), 'primum-backups-'));
  chmodSync(places, 0o711);
  primum = await bootForTest();
  for (const n of [1, 2, 3]) await primum.send(...messagesOf(n));
  // Something is being written all the while.
  const writing = primum.send(...messagesOf(4));
  made = await makeBackup(primum.core, principal, { directory: place('db') });
  await writing;
  await makeKeyBackup(primum.core, principal, { directory: place('keys') });
}, 60_000);
afterAll(async () => {
  await primum[Symbol.asyncDispose]();
  await rm(places, { recursive: true, force: true });
});

describe('a backup', () => {
  it('is restored to the same rows, values open and the audit log fits', async () => {
    const drill = await verifyBackup({ keys: primum.core.keys, clock: primum.core.clock, log: silentLog }, { directory: place('db') });
    expect(drill).toMatchObject({ backup: made.backup, identical: true, differing: [], audit: { findings: 0 }, passed: true });
    expect(drill.rows).toBe(made.rows);
    // Events are numbered behind their commit: how many were is the moment's, that all of these verify is not.
    expect(drill.audit.checked).toBeGreaterThan(0);
    expect(drill.audit.checked).toBe(drill.audit.head);
    expect(drill.opened['resource']!.opened).toBeGreaterThan(10);
    expect(drill.opened['message']!.opened).toBeGreaterThanOrEqual(12);
    expect(drill.opened['prediction']!.opened).toBeGreaterThan(0);
    expect(Object.values(drill.opened).map(({ failed, erased }) => failed + erased)).toEqual([0, 0, 0]);
    expect(drill.rpo_s).toBeGreaterThan(0);
    expect(drill.rto_s).toBeGreaterThan(0);
  }, 60_000);

  it('is on the audit log, and holds nothing readable: no name of a table, no identifier', async () => {
    expect(await primum.core.db.query<{ n: number }>("select count(*) as n from audit_event where action in ('backup.made', 'key-backup.made')", [])).toEqual([{ n: 2 }]);
    for (const file of await readdir(place('db'), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const bytes = await readFile(join(file.parentPath, file.name));
      for (const word of ['Zyxwquist', 'patient', 'PGCOPY', 'audit']) expect(bytes.includes(word)).toBe(false);
      expect(file.name).toMatch(/^(primum-backup|manifest|\d{4})$/);
    }
  });

  it('that was altered, cut or mixed up is not restored', async () => {
    const part = join(place('db'), made.backup, '0003');
    const good = await readFile(part);
    const other = await readFile(join(place('db'), made.backup, '0002'));
    const altered = Buffer.from(good);
    altered[good.length - 20]! ^= 1;
    for (const bytes of [altered, good.subarray(0, good.length - 1), other]) {
      await writeFile(part, bytes);
      const database = await createTestDatabase();
      try {
        await database.db.query('drop schema public cascade; create schema public');
        await expect(restoreBackup({ home: place('altered'), databaseUrl: database.url, keys: primum.core.keys }, { directory: place('db'), id: made.backup })).rejects.toMatchObject({ code: 'backup.damaged' });
      } finally {
        await database.drop();
      }
    }
    await writeFile(part, good);
  }, 60_000);

  it('lies neither in the home nor beside the other kind, and is not restored over something', async () => {
    await expect(makeBackup(primum.core, principal, { directory: join(primum.home, 'b') })).rejects.toMatchObject({ code: 'backup.place-refused' });
    await expect(makeKeyBackup(primum.core, principal, { directory: place('db') })).rejects.toMatchObject({ code: 'backup.place-refused' });
    await expect(makeBackup(primum.core, principal, { directory: place('keys/deeper') })).rejects.toMatchObject({ code: 'backup.place-refused' });
    await expect(restoreBackup({ home: place('x'), databaseUrl: primum.core.db.url, keys: primum.core.keys }, { directory: place('db'), id: made.backup })).rejects.toMatchObject({ code: 'backup.target-not-empty' });
  });

  it('opens with no other key store', async () => {
    const keys = await openConfiguredKeys(place('stranger'), { tenants: [tenant] });
    await expect(restoreBackup({ home: place('x'), databaseUrl: primum.core.db.url, keys }, { directory: place('db'), id: made.backup })).rejects.toMatchObject({ code: 'trust.sealed-corrupt' });
  });

  it('gives way to newer ones, and an unfinished one is none', async () => {
    await cp(join(place('db'), made.backup), join(place('db'), `${made.backup}.partial`), { recursive: true });
    const { backup, removed } = await makeBackup(primum.core, principal, { directory: place('pruned') });
    expect(removed).toBe(0);
    const second = await makeBackup(primum.core, principal, { directory: place('pruned'), keep: 1 });
    expect(second.removed).toBe(1);
    expect(await listBackups(place('pruned'))).toEqual([second.backup]);
    expect(backup).not.toBe(second.backup);
    expect(await listBackups(place('db'))).toEqual([made.backup]);
  });
});

describe('an erased patient', () => {
  it('does not come back: not with tombstones, and unreadable without them', async () => {
    const [erased] = await primum.core.db.query<{ patient_id: string }>('select patient_id from stay where bed = $1', ['B2']);
    const patientId = erased!.patient_id;
    await primum.core.keys.destroy(tenant, { kind: 'patient', patientId });

    // The attacker restores last night's database and keys as they are now, but removes every tombstone.
    const thief = place('thief');
    await cp(join(primum.home, 'keys'), join(thief, 'keys'), { recursive: true });
    let tombstones = 0;
    for (const file of await readdir(join(thief, 'keys'), { recursive: true, withFileTypes: true })) {
      if (!file.isFile() || !file.name.endsWith('.dead')) continue;
      await rm(join(file.parentPath, file.name));
      tombstones += 1;
    }
    expect(tombstones).toBe(1);
    const database = await createTestDatabase();
    try {
      await database.db.query('drop schema public cascade; create schema public');
      const keys = await openConfiguredKeys(thief, { tenants: [tenant] });
      await restoreBackup({ home: place('thief-home'), databaseUrl: database.url, keys }, { directory: place('db'), id: made.backup });
      const db = await openDb({ url: database.url, max: 2 });
      const sealed = [
        ...(await db.query<{ type: string; id: string; version: number; body: Buffer }>('select type, id, version, body from resource where patient_id = $1', [patientId]))
          .map(({ type, id, version, body }) => ({ body, aad: resourceAad(tenant, type, id, version) })),
        ...(await db.query<{ id: string; sealed: Buffer }>("select id, sealed from message where control_id like 'B2-%'", [])).map(({ id, sealed: body }) => ({ body, aad: messageAad(tenant, id) })),
      ];
      expect(sealed.length).toBeGreaterThan(10);
      for (const { body, aad } of sealed) await expect(keys.open(tenant, body, aad)).rejects.toMatchObject({ code: 'trust.key-missing' });
      // Nor does any row quote this patient, or anybody.
      for (const { name } of await db.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'", [])) {
        expect(JSON.stringify(await db.query(`select t::text as row from ${name} t`, []))).not.toContain('Zyxwquist');
      }
      await db.close();
    } finally {
      await database.drop();
    }

    // A restore with the key store as it is: the server removes the rows again when it starts.
    const restored = place('restored');
    await cp(join(primum.home, 'keys'), join(restored, 'keys'), { recursive: true });
    await restoreKeys(restored, { directory: place('keys') }); // last night's keys do not bring it back
    const target = await createTestDatabase();
    try {
      await target.db.query('drop schema public cascade; create schema public');
      const keys = await openConfiguredKeys(restored, { tenants: [tenant] });
      await restoreBackup({ home: restored, databaseUrl: target.url, keys }, { directory: place('db'), id: made.backup });
      expect(await target.db.query('select 1 from fact where patient_id = $1', [patientId])).not.toEqual([]);
      const again = await bootPrimum({ home: restored, log: silentLog, databaseUrl: target.url, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
      try {
        for (const table of ['patient where id', 'fact where patient_id', 'resource where patient_id', 'stay where patient_id', 'prediction where patient_id']) {
          expect({ table, rows: await target.db.query(`select 1 from ${table} = $1`, [patientId]) }).toEqual({ table, rows: [] });
        }
        expect((await target.db.query('select 1 from patient')).length).toBeGreaterThanOrEqual(2);
      } finally {
        await again.stop();
      }
    } finally {
      await target.drop();
    }

    // The next backup of the keys makes the older one forget.
    const forgotten = await makeKeyBackup(primum.core, principal, { directory: place('keys') });
    expect(forgotten).toMatchObject({ tombstones: 1, forgotten: 1 });
    for (const id of await listBackups(place('keys'))) expect((await readFile(join(place('keys'), id, 'keys'), 'utf8')).includes(`${patientId}.key`)).toBe(false);
  }, 60_000);
});

describe('a schedule', () => {
  it('backs up while the server runs: the database, then its keys', async () => {
    const backups = startBackups({ ...primum.core, log: silentLog }, { directory: place('scheduled'), everyMs: 200, keep: 2, keyDirectory: place('scheduled-keys') });
    const enough = async (): Promise<boolean> => (await listBackups(place('scheduled'))).length >= 2 && (await listBackups(place('scheduled-keys'))).length >= 2;
    for (const until = Date.now() + 20_000; Date.now() < until && !await enough();) await sleep(50);
    await backups.close();
    expect((await listBackups(place('scheduled'))).length).toBe(2);
    expect((await listBackups(place('scheduled-keys'))).length).toBeGreaterThanOrEqual(2);
  }, 30_000);
});

describe('the command line', () => {
  it('restores into a new home with a PostgreSQL of its own, from both backups and the master key', async () => {
    const home = place('from-the-command-line');
    const { DATABASE_URL: _none, ...env } = process.env;
    const run = spawnSync(process.execPath, ['bin/primum.js', 'restore', '--from', place('db'), '--home', home, '--keys', place('keys'), '--master-key', join(primum.home, 'keys', 'master.key')], { cwd: join(import.meta.dirname, '..'), encoding: 'utf8', env });
    expect(run.stderr).toBe('');
    expect(JSON.parse(run.stdout)).toMatchObject({ backup: made.backup, identical: true, rows: made.rows });
    const again = spawnSync(process.execPath, ['bin/primum.js', 'restore', '--from', place('db'), '--home', home], { cwd: join(import.meta.dirname, '..'), encoding: 'utf8', env });
    expect(again.stderr).toContain('backup.target-not-empty');
  }, 60_000);

  it('says what is wrong, and makes no empty home', () => {
    const run = spawnSync(process.execPath, ['bin/primum.js', 'restore', '--from', place('nothing'), '--home', place('new')], { cwd: join(import.meta.dirname, '..'), encoding: 'utf8' });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('backup.not-found');
  });
});
