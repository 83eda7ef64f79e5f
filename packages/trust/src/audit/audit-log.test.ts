import { createServer, type Server } from 'node:http';
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, silentLog, uuidv7 } from '@primum/base';
import { createSequencer } from '@primum/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userPrincipal } from '../access/principal.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { setLogAside, startAuditLog, type AuditLog, type AuditLogOptions } from './audit-log.ts';
import { rootAt } from './merkle-tree.ts';
import { readOutsideLog, tilePath, tilesOutside } from './outside-log.ts';
import { isSignedBy, openCheckpoint, parseVerifierKey } from './signed-note.ts';
import { verifyAudit } from './verify-audit.ts';

const tenant = 1;
const principal = userPrincipal({ userId: uuidv7(), username: 'clinician', role: 'clinician' });
let trust: TestTrust;
let folder: string;
let log: AuditLog | undefined;
beforeEach(async () => {
  trust = await openTestTrust();
  folder = mkdtempSync(join(tmpdir(), 'primum-log-'));
});
afterEach(async () => {
  await log?.close();
  log = undefined;
  await trust.close();
  rmSync(folder, { recursive: true, force: true });
});

const outside = (): string => join(folder, 'outside');
const start = async (more: Partial<AuditLogOptions> = {}, deps: Partial<Parameters<typeof startAuditLog>[0]> = {}): Promise<AuditLog> => {
  log = await startAuditLog({ db: trust.db, keys: trust.keys, clock: trust.clock, log: silentLog, ...deps }, { tenant, keyDirectory: folder, directories: [outside()], everyMs: 1_000_000, ...more });
  return log;
};
async function write(count: number): Promise<void> {
  await trust.audit.write(trust.db, Array.from({ length: count }, () => ({ tenant, action: 'stay.read', outcome: 'success', principal, purpose: 'TREAT', patientId: uuidv7(), at: trust.clock.now() })));
  const sequencer = createSequencer({ db: trust.db, log: silentLog }, { pollMs: 5, auditEveryMs: 5 });
  while ((await trust.db.query('select 1 from audit_event where seq is null limit 1')).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await sequencer.close();
}
/** As who owns the database could: without the triggers. */
async function asOwner(...statements: string[]): Promise<void> {
  for (const table of ['audit_event', 'audit_tile', 'audit_checkpoint']) await trust.db.query(`alter table ${table} disable trigger all`);
  for (const statement of statements) await trust.db.query(statement);
}

describe('the log of the audit', () => {
  it('signs its head, keeps tiles, and copies both outside as tlog-tiles has it', async () => {
    await write(700);
    const running = await start();
    await write(30);
    const made = await running.checkpoint();
    expect(made.size).toBe(730);
    expect(await trust.db.query('select level, n from audit_tile order by level, n')).toEqual([{ level: 0, n: 0 }, { level: 0, n: 1 }]);
    const state = await running.state();
    expect(state).toMatchObject({ trouble: null, checkpoint: { size: 730 } });
    const copy = await readOutsideLog(outside());
    expect(copy.checkpoints.map(({ size }) => size)).toEqual([700, 730]);
    expect((await rootAt(tilesOutside(outside()), 730)).equals(made.root)).toBe(true);
    expect((await rootAt(tilesOutside(outside()), 700)).equals(copy.checkpoints[0]!.root)).toBe(true);
    expect(['tile/0/000', 'tile/0/001', 'tile/0/002.p/218', 'tile/1/000.p/2', 'tile/0/002.p/188'].map((path) => existsSync(join(outside(), path)))).toEqual([true, true, true, true, false]);
    expect(readFileSync(join(outside(), 'checkpoint'), 'utf8')).toMatch(new RegExp(`^${state.origin}\\n730\\n[A-Za-z0-9+/=]+\\n\\n— ${state.origin} [A-Za-z0-9+/=]+\\n$`));
    expect(await verifyAudit(trust.db, trust.keys, { tenant, directories: [outside()] })).toMatchObject({ ok: true, checked: 730, head: 730 });
  });

  it('goes on after a restart, and gives a folder that was away what it lacks', async () => {
    await write(300);
    await (await start()).close();
    await write(300);
    const other = join(folder, 'other');
    const running = await start({ directories: [outside(), other] });
    expect((await readOutsideLog(outside())).checkpoints.map(({ size }) => size)).toEqual([300, 600]);
    expect((await readOutsideLog(other)).checkpoints.map(({ size }) => size)).toEqual([300, 600]);
    expect((await running.state()).trouble).toBeNull();
  });

  it('signs no other history: rewritten or shortened, it says so and stops', async () => {
    await write(300);
    const lines: string[] = [];
    const running = await start({}, { log: createLog((line) => lines.push(line), 'error') });
    await asOwner("update audit_event set leaf = set_byte(leaf, 0, get_byte(leaf, 0) # 1) where seq = 290");
    expect(await codeOf(() => running.checkpoint())).toBe('audit.log-altered');
    await asOwner("update audit_event set leaf = set_byte(leaf, 0, get_byte(leaf, 0) # 1) where seq = 290", 'update audit_head set seq = 290', 'delete from audit_event where seq > 290');
    expect(await codeOf(() => running.checkpoint())).toBe('audit.log-behind');
    expect((await running.state()).trouble).toBe('audit.log-behind');
    expect(lines.some((line) => line.includes('audit.log-altered'))).toBe(true);
    expect((await readOutsideLog(outside())).checkpoints.map(({ size }) => size)).toEqual([300]);
    await running.close();
    // After a restore the old log is set aside and one of another origin begins.
    const before = (await running.state()).origin;
    await setLogAside({ tenant, keyDirectory: folder, directories: [outside()], suffix: 'restored' });
    const fresh = await start();
    expect((await fresh.state())).toMatchObject({ trouble: null, checkpoint: { size: 290 } });
    expect((await fresh.state()).origin).not.toBe(before);
    expect((await verifyAudit(trust.db, trust.keys, { tenant, directories: [outside()] })).outside[0]!.problems).toEqual([]);
    expect((await verifyAudit(trust.db, trust.keys, { tenant, directories: [`${outside()}.restored`] })).findings).toEqual([{ kind: 'removed', fromSeq: 291, toSeq: 300 }]);
  });

  it('names paths as tlog-tiles does', () => {
    expect(tilePath(0, 1_234_067, 256)).toBe('tile/0/x001/x234/067');
    expect(tilePath(1, 5, 3)).toBe('tile/1/005.p/3');
  });

  it('opens the checkpoint that the specification gives as its example, and no other text under its signature', () => {
    const key = parseVerifierKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')!;
    const text = 'If you think cryptography is the answer to your problem,\nthen you don\'t know what your problem is.\n';
    const signature = '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
    expect(isSignedBy(key, text, signature)).toBe(true);
    expect(isSignedBy(key, text.replace('answer', 'Answer'), signature)).toBe(false);
    expect(openCheckpoint(`${text}\n${signature}`, [key])).toBeUndefined();
  });
});

/** A witness of our own after c2sp.org/tlog-witness: another program's place in this test, holding one log. */
async function startWitness(name: string): Promise<{ url: string; verifierKey: string; seen: () => number; server: Server }> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicKey = createPublicKey(createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }))).export({ format: 'der', type: 'spki' }).subarray(12);
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([4]), publicKey]), 'buffer').subarray(0, 4);
  let size = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; }).on('end', () => {
      const [, old, proof, note] = /^old (\d+)\n((?:[A-Za-z0-9+/=]+\n)*)\n([^]*)$/.exec(body) ?? [];
      if (Number(old) !== size) return response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end(`${size}\n`);
      const text = note!.slice(0, note!.lastIndexOf('\n\n') + 1);
      const next = Number(text.split('\n')[1]);
      if ((size > 0 && size < next) !== (proof !== '')) return response.writeHead(422).end();
      size = next;
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(1_700_000_000n);
      const signature = sign(null, Buffer.from(`cosignature/v1\ntime 1700000000\n${text}`), privateKey);
      return response.end(`— ${name} ${Buffer.concat([id, time, signature]).toString('base64')}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/`, verifierKey: `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.from([4]), publicKey]).toString('base64')}`, seen: () => size, server };
}

describe('a witness', () => {
  it('cosigns what goes on from what it saw, and is missed without harm', async () => {
    const witness = await startWitness('witness.example/w1');
    const key = parseVerifierKey(witness.verifierKey)!;
    const witnesses = [{ url: witness.url, key }];
    await write(10);
    const running = await start({ witnesses });
    await write(300);
    await running.checkpoint();
    const note = (await running.state()).checkpoint!.note;
    const end = note.lastIndexOf('\n\n');
    expect(isSignedBy(key, note.slice(0, end + 1), note.slice(end + 2))).toBe(true);
    expect(witness.seen()).toBe(310);
    expect(readFileSync(join(outside(), 'checkpoint'), 'utf8')).toBe(note);
    // A database that forgot what the witness saw asks again from where that stands.
    await asOwner('delete from audit_checkpoint');
    await write(5);
    await running.checkpoint();
    expect((await running.state()).checkpoint!.note).toContain('witness.example/w1');
    await new Promise((resolve) => witness.server.close(resolve));
    await write(5);
    await running.checkpoint();
    expect(await running.state()).toMatchObject({ trouble: null, checkpoint: { size: 320 } });
  });
});
