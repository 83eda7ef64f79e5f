/**
 * Persons come in, a backup is made, some of them are erased by two people. Then somebody restores last night's backup with the
 * key store as it is now, every tombstone taken out of it, and tries to read: each sealed value of an erased person must
 * stay shut and no planted value of theirs may stand in any file, while those of the others open, or it would prove nothing.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { buildMessage } from '@primum/formats';
import { connectMllp, messageAad, registerSource } from '@primum/ingest';
import { resourceAad } from '@primum/record';
import { payloadAad } from '@primum/serving';
import { openDb, startPostgres, type Db } from '@primum/store';
import { mintSystemPrincipal, openConfiguredKeys, userPrincipal, type Keys, type UserPrincipal } from '@primum/trust';
import { makeBackup } from '../../apps/primum/src/backup/make-backup.ts';
import { restoreBackup } from '../../apps/primum/src/backup/restore-backup.ts';
import { bootPrimum, type Primum } from '../../apps/primum/src/boot.ts';
import { tenant } from '../../apps/primum/src/core.ts';
import { decideErasure, requestErasure } from '../../apps/primum/src/rights/erasures.ts';
import { numberTokens } from '../../apps/primum/src/rights/find-subject.ts';
import { settled } from '../../apps/primum/src/settle.ts';
import { createFinder } from './canary/find-planted.ts';
import { facility, goodMessages } from './canary/messages.ts';
import { plantedPersons, type Planted } from './canary/persons.ts';
import { scanPlaces } from './canary/scan-places.ts';
import type { Torture } from './main.ts';

const dischargedAt = '20260603080000';
const patienceMs = 60_000;

export const runEraseRestore: Torture = async (options) => {
  const count = Math.max(4, Number(options['patients'] ?? 40));
  const work = mkdtempSync(join(process.getuid?.() === 0 ? '/var/tmp' : tmpdir(), 'primum-erase-restore-'));
  chmodSync(work, 0o711);
  const home = join(work, 'home');
  mkdirSync(home, { mode: 0o755 });
  // A hospital whose duty to keep the record has run out: else every erasure is refused, with that reason.
  const schedule = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'policies', 'retention.json'), 'utf8')) as object; // the shipped one
  writeFileSync(join(home, 'retention.json'), JSON.stringify({ ...schedule, recordYearsAfterLastStay: 0 }));
  // Without merges: a merged group is erased as one.
  const persons = plantedPersons(count, Number(options['seed'] ?? 7));
  const erased = persons.slice(0, Math.floor(count / 2));
  const primum = await bootPrimum({ home, log: silentLog, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
  try {
    await registerSource(primum.core.db, { tenant, application: 'CANARY', facility, siteCode: 'canary', siteName: 'Canary', mapping: 'ward-simulator', clockRate: 0, simulated: true });
    await takeIn(primum, persons);
    const { backup } = await makeBackup(primum.core, mintSystemPrincipal('cli:torture'), { directory: join(work, 'last-night') });
    const ids = await eraseAll(primum, erased);
    await primum.stop();

    const thief = join(work, 'thief');
    cpSync(join(home, 'keys'), join(thief, 'keys'), { recursive: true });
    const tombstones = readdirSync(join(thief, 'keys'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.dead'));
    for (const { parentPath, name } of tombstones) rmSync(join(parentPath, name));
    const keys = await openConfiguredKeys(thief, { tenants: [tenant] });
    const postgres = await startPostgres({ home: join(work, 'restored'), log: silentLog });
    try {
      await restoreBackup({ home: join(work, 'restored'), databaseUrl: postgres.connection.url, keys }, { directory: join(work, 'last-night'), id: backup });
      const db = await openDb({ url: postgres.connection.url, max: 2 });
      const [ofErased, ofOthers] = [await openEverything(db, keys, ids, true), await openEverything(db, keys, ids, false)];
      await db.query('checkpoint', []);
      await db.close();
      const scanned = scanPlaces(['home', 'last-night', 'thief', 'restored'].map((name) => ({ name, path: join(work, name) })), createFinder(erased.flatMap((person) => Object.values(person))));
      const planted = scanned.found.map(({ place, file, hits }) => `${place}${file}: ${hits[0]!.form}`);
      return {
        patients: count, erased: ids.length, tombstones_removed: tombstones.length, sealed_values: ofErased.values, opened: ofErased.opened,
        control_values: ofOthers.values, control_opened: ofOthers.opened, files: scanned.files, planted_found: planted,
        passed: ids.length === erased.length && ofErased.values > 0 && ofErased.opened === 0 && ofOthers.values > 0 && ofOthers.opened === ofOthers.values && planted.length === 0,
      };
    } finally {
      await postgres.stop();
    }
  } finally {
    await primum.stop().catch(() => undefined);
    rmSync(work, { recursive: true, force: true });
  }
};

async function takeIn(primum: Primum, persons: readonly Planted[]): Promise<void> {
  await using client = await connectMllp({ host: '127.0.0.1', port: primum.mllpPort });
  for (const [index, person] of persons.entries()) {
    const messages = [...goodMessages(person, person, index * 10), discharge(person, index)];
    for (const message of messages) if (!(await client.send(message)).includes('MSA|AA')) throw new Error('a message was not acknowledged');
  }
  await primum.applied();
  if (!await settled(primum.core.db, patienceMs)) throw new Error('not scored in time');
}

function discharge(person: Planted, index: number): string {
  const pv1: (string | readonly string[])[] = Array.from({ length: 45 }, () => '');
  [pv1[0], pv1[1], pv1[2], pv1[18], pv1[43], pv1[44]] = ['1', 'I', ['ICU', 'ICU', String(index)], [`V${person.mrn}`, '', '', facility, 'VN'], '20260601080000', dischargedAt];
  return buildMessage([
    ['MSH', ['CANARY'], [facility], ['PRIMUM'], ['PRIMUM'], dischargedAt, '', ['ADT', 'A03', 'ADT_A03'], `D${index}`, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'],
    ['EVN', 'A03', dischargedAt], ['PID', '1', '', [person.mrn, '', '', facility, 'MR'], '', [person.family, person.given]], ['PV1', ...pv1],
  ]);
}

/** Requested by the privacy officer, approved by the security officer; the patients' ids. */
async function eraseAll(primum: Primum, persons: readonly Planted[]): Promise<string[]> {
  const [privacy, security] = await Promise.all(['privacy', 'security'].map((username) => personOf(primum.core.db, username)));
  const ids: string[] = [];
  for (const { mrn } of persons) {
    const tokens = await numberTokens(primum.core, mrn);
    const [found] = await primum.core.db.query<{ id: string }>('select patient_id as id from patient_identifier where token = any($1::bytea[]) limit 1', [tokens]);
    const patientId = found!.id; // taken in just before
    const { id, status } = await requestErasure(primum.core, privacy!, { patientId, basis: 'consent-withdrawn', mrn });
    if (status !== 'requested') throw new Error(`an erasure was ${status}`);
    const decided = await decideErasure(primum.core, async () => [], security!, id, 'approve');
    if (decided.status !== 'verified') throw new Error(`an approved erasure is ${decided.status}`);
    ids.push(patientId);
  }
  return ids;
}

async function personOf(db: Db, username: string): Promise<UserPrincipal> {
  const [row] = await db.query<{ id: string; role: UserPrincipal['role'] }>('select id, role from app_user where username = $1', [username]);
  return { ...userPrincipal({ userId: row!.id, username, role: row!.role }), mfa: true }; // every role is seeded
}

type Sealed = { sealed: Buffer; aad: string };

/** Tries every sealed value of these patients, or of all others. */
async function openEverything(db: Db, keys: Keys, ids: readonly string[], these: boolean): Promise<{ values: number; opened: number }> {
  const whose = `(patient_id = any($1::uuid[])) = $2`;
  const resources = await db.query<{ type: string; id: string; version: number; body: Buffer }>(`select type, id, version, body from resource where patient_id is not null and ${whose}`, [ids, these]);
  const predictions = await db.query<{ id: string; sealed: Buffer }>(`select id, sealed from prediction where ${whose}`, [ids, these]);
  // The key that a message is sealed under names its patient (bytes 3 to 18).
  const messages = await db.query<{ id: string; sealed: Buffer }>(
    `select id, sealed from message where sealed is not null and get_byte(sealed, 1) = 1 and (encode(substring(sealed from 3 for 16), 'hex')::uuid = any($1::uuid[])) = $2`, [ids, these]);
  const all: Sealed[] = [
    ...resources.map(({ type, id, version, body }) => ({ sealed: body, aad: resourceAad(tenant, type, id, version) })),
    ...predictions.map(({ id, sealed }) => ({ sealed, aad: payloadAad(id) })),
    ...messages.map(({ id, sealed }) => ({ sealed, aad: messageAad(tenant, id) })),
  ];
  let opened = 0;
  for (const { sealed, aad } of all) {
    try {
      await keys.open(tenant, sealed, aad);
      opened += 1;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'trust.key-missing')) throw error;
    }
  }
  return { values: all.length, opened };
}
