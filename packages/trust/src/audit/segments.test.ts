import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, uuidv7 } from '@primum/base';
import { createObjects, createSequencer } from '@primum/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintSystemPrincipal } from '../access/principal.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { dropExpiredSegments, storeSegments, verifySegment, type SegmentDeps } from './segments.ts';
import { appendTiles } from './tree.ts';
import { verifyAudit } from './verify-audit.ts';

const tenant = 1;
let trust: TestTrust;
let deps: SegmentDeps;
let folder: string;
beforeAll(async () => {
  trust = await openTestTrust();
  folder = mkdtempSync(join(tmpdir(), 'primum-segments-'));
  deps = { ...trust, objects: createObjects(folder) };
});
afterAll(async () => {
  await trust.close();
  rmSync(folder, { recursive: true, force: true });
});

async function write(count: number, at: Date): Promise<void> {
  await trust.audit.write(trust.db, Array.from({ length: count }, () => ({ tenant, action: 'phi.write', outcome: 'success', principal: mintSystemPrincipal('serving'), purpose: 'TREAT', patientId: uuidv7(), at })));
  const sequencer = createSequencer({ db: trust.db, log: silentLog }, { pollMs: 5, auditEveryMs: 5 });
  while ((await trust.db.query('select 1 from audit_event where seq is null limit 1')).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await sequencer.close();
  await appendTiles(trust.db, tenant);
}

describe('the write-once copy', () => {
  it('holds whole days in whole tiles, is read back, and lets rows go after six years and no earlier', async () => {
    // Rows of seven years ago by the database's own clock, which the rule about six years goes by.
    const old = new Date(Date.now() - 7 * 366 * 86_400_000);
    trust.clock.set(new Date(old.getTime() + 86_400_000));
    await write(600, old);
    expect(await storeSegments(deps, tenant)).toBe(1);
    expect(await trust.db.query('select from_seq, to_seq from audit_segment')).toEqual([{ from_seq: 1, to_seq: 512 }]);
    expect(await storeSegments(deps, tenant)).toBe(0);

    expect(await codeOf(() => trust.db.query('delete from audit_event where seq <= 10'))).not.toBe('no error');
    expect(await codeOf(() => trust.db.query("select audit_drop_segment(1, 1, now() - interval '6 years')"))).not.toBe('no error'); // not verified yet
    expect(await dropExpiredSegments(deps, tenant)).toEqual([]); // their six years are not over
    trust.clock.set(new Date());
    await verifySegment(deps, tenant, 1);
    expect(await codeOf(() => trust.db.query("select audit_drop_segment(1, 1, now() - interval '5 years')"))).not.toBe('no error');
    expect(await codeOf(() => dropExpiredSegments(deps, tenant, 5))).toBe('config.invalid');

    expect(await dropExpiredSegments(deps, tenant)).toEqual([{ from: 1, to: 512 }]);
    expect(await trust.db.query('select count(*)::int as n from audit_event where seq <= 512')).toEqual([{ n: 0 }]);
    expect(await codeOf(() => trust.db.query('delete from audit_event where seq = 513'))).not.toBe('no error');
    expect(await verifyAudit(trust.db, trust.keys, { tenant })).toMatchObject({ ok: true, findings: [] });
    await verifySegment(deps, tenant, 1); // still readable where its rows are gone
  });

  it('is not believed once its object was changed', async () => {
    const [shard] = readdirSync(folder).filter((name) => name !== 'partial');
    const [name] = readdirSync(join(folder, shard!));
    const path = join(folder, shard!, name!);
    const content = readFileSync(path);
    content[100] = content[100]! ^ 1;
    writeFileSync(path, content);
    expect(await codeOf(() => verifySegment(deps, tenant, 1))).toBe('store.object-corrupt');
  });
});
