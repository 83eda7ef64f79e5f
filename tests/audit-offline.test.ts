import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportLog, mintSystemPrincipal, outsideDirectory, userPrincipal } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tenant } from '../apps/primum/src/core.ts';
import { ask, bootForTest, signIn, type Booted } from './support/booted.ts';

let primum: Booted;
let token: string;
let folder: string;
let exported: string;
let verifierKey: string;
type Answer = { ok: boolean; size: number; checkpoints: number; events: number; problems: string[] };

beforeAll(async () => {
  primum = await bootForTest();
  folder = mkdtempSync(join(tmpdir(), 'primum-offline-'));
  const principal = userPrincipal({ userId: randomUUID(), username: 'clinician', role: 'clinician' });
  await primum.core.audit.write(primum.core.db, Array.from({ length: 600 }, (_, n) => ({
    tenant, action: 'stay.read', outcome: 'success', principal, purpose: 'TREAT', patientId: randomUUID(), at: new Date(), entities: [{ type: 'Observation', id: `=${n}` }],
  })));
  const { username, password } = primum.seeded.find(({ role }) => role === 'auditor')!;
  token = await signIn(primum, username, password);
  while ((await primum.core.db.query('select 1 from audit_event where seq is null limit 1')).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const [row] = await primum.core.db.query<{ id: string }>('select id from audit_event where seq = 300');
  const proof = await ask(primum.httpPort, { path: `/api/audit/proof/${row!.id}`, token });
  if (proof.status !== 200) throw new Error(`the proof was answered with ${proof.status}`);
  writeFileSync(join(folder, 'proof.json'), proof.text);
  verifierKey = (proof.body as { verifierKey: string }).verifierKey; // its schema is held by another test
  exported = join(folder, 'log');
  await exportLog(primum.core, mintSystemPrincipal('cli:test'), { tenant, directory: exported, verifierKey, events: true });
});
afterAll(async () => {
  await primum[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The standalone verifier, alone in a folder: whatever it imported of ours would be missing. */
function verify(directory: string, ...more: string[]): { code: number | null; answer: Answer } {
  const script = join(folder, 'verify-audit.mjs');
  cpSync(join(import.meta.dirname, '..', 'bin', 'verify-audit.js'), script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, directory, ...more], { encoding: 'utf8', cwd: folder });
  if (stdout === '') throw new Error(stderr);
  return { code: status, answer: JSON.parse(stdout) as Answer }; // as the script prints it
}

/** A copy of the export with one file changed. */
function altered(path: string, change: (content: Buffer) => Buffer | string): string {
  const copy = mkdtempSync(join(folder, 'altered-'));
  cpSync(exported, copy, { recursive: true });
  writeFileSync(join(copy, path), change(readFileSync(join(copy, path))));
  return copy;
}

describe('the exported log', () => {
  it('is verified by a script that needs only Node, with its events, a proof and the copy of this home', () => {
    const { code, answer } = verify(exported, '--key', verifierKey, '--against', outsideDirectory(primum.home, tenant), '--proof', join(folder, 'proof.json'));
    expect(answer).toMatchObject({ ok: true, problems: [], proofs: 1 });
    expect(answer.events).toBe(answer.size);
    expect(answer.size).toBeGreaterThan(600);
    expect(code).toBe(0);
  });

  it('is not with one event, leaf, upper tile, checkpoint or proof changed, and says which', () => {
    const cases: [string, string, string?][] = [
      [altered('events.ndjson', (content) => content.toString().replace('user:clinician', 'user:somebody')), 'is not the one in the log'],
      [altered('events.ndjson', (content) => content.toString().split('\n').toSpliced(99, 1).join('\n')), 'entries 100 to 100 are not in events.ndjson'],
      [altered('tile/0/001', (content) => { content[40] = content[40]! ^ 1; return content; }), 'is not the one that the checkpoint'],
      [altered('checkpoints.ndjson', (content) => content.toString().replace(/[A-Za-z]=\\n/, 'A=\\n')), 'no signature'],
    ];
    for (const [directory, says] of cases) {
      const { code, answer } = verify(directory, '--key', verifierKey);
      expect(answer.problems.join('\n')).toContain(says);
      expect(code).toBe(1);
    }
    const proof = JSON.parse(readFileSync(join(folder, 'proof.json'), 'utf8')) as { seq: number }; // as the API gave it
    writeFileSync(join(folder, 'other.json'), JSON.stringify({ ...proof, seq: proof.seq + 1 }));
    expect(verify(exported, '--proof', join(folder, 'other.json')).answer.problems[0]).toContain('does not hold');
    // Another key than the log's: nothing is signed.
    const stranger = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    expect(verify(exported, '--key', stranger).code).toBe(1);
  });

  it('is not where its tail was cut off, held against a copy kept elsewhere', () => {
    const copy = mkdtempSync(join(folder, 'cut-'));
    cpSync(exported, copy, { recursive: true });
    const [first] = readFileSync(join(outsideDirectory(primum.home, tenant), 'checkpoints.ndjson'), 'utf8').split('\n');
    writeFileSync(join(copy, 'checkpoints.ndjson'), `${first}\n`);
    rmSync(join(copy, 'events.ndjson'));
    const { answer } = verify(copy, '--against', outsideDirectory(primum.home, tenant));
    expect(answer.problems.join('\n')).toMatch(/entries \d+ to \d+ are gone/);
  });
});

describe('export over the API', () => {
  it('streams CSV and FHIR AuditEvents, and is on the log', async () => {
    const csv = await ask(primum.httpPort, { path: '/api/audit/export?format=csv&actor=user:clinician&action=stay.read', token });
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    const lines = csv.text.trimEnd().split('\r\n');
    expect(lines).toHaveLength(601);
    expect(lines[1]).toMatch(/^"\d+","[0-9a-f-]{36}","2\d{3}-/);
    const ndjson = await ask(primum.httpPort, { path: '/api/audit/export?format=ndjson&outcome=success&purpose=TREAT&action=stay.read', token });
    const events = ndjson.text.trimEnd().split('\n').map((line) => JSON.parse(line) as { resourceType: string });
    expect(events).toHaveLength(600);
    expect(new Set(events.map(({ resourceType }) => resourceType))).toEqual(new Set(['AuditEvent']));
    const [{ n } = { n: 0 }] = await primum.core.db.query<{ n: number }>("select count(*)::int as n from audit_event where action = 'audit.export' and actor = 'user:auditor'");
    expect(n).toBe(2);
    expect((await ask(primum.httpPort, { path: '/api/audit/export?format=ndjson&from=2020-01-01T00:00:00.000Z&to=2020-01-02T00:00:00.000Z', token })).text).toBe('');
  });

  it('says what the newest checkpoint is', async () => {
    const { body } = await ask(primum.httpPort, { path: '/api/audit/checkpoint', token });
    expect(body).toMatchObject({ trouble: null, copies: 1, witnesses: 0, verifierKey });
  });
});
