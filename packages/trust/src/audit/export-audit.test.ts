import { uuidv7 } from '@primum/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { userPrincipal } from '../access/principal.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import type { AuditInput } from './audit-event.ts';
import { exportEntries } from './export-audit.ts';

const tenant = 1;
const auditor = userPrincipal({ userId: uuidv7(), username: 'auditor', role: 'auditor' });
const clinician = userPrincipal({ userId: uuidv7(), username: '=cmd|\'/c calc\'!A1', role: 'clinician' });
let trust: TestTrust;
beforeAll(async () => { trust = await openTestTrust(); });
afterAll(() => trust.close());

async function collect(lines: AsyncGenerator<string>): Promise<string> {
  let text = '';
  for await (const part of lines) text += part;
  return text;
}

describe('an export of entries', () => {
  it('gives every entry once, over its pages, and no cell that a spreadsheet would calculate', async () => {
    const event = (more: Partial<AuditInput>): AuditInput => ({ tenant, action: 'stay.read', outcome: 'success', principal: clinician, purpose: 'TREAT', at: trust.clock.now(), ...more });
    await trust.audit.write(trust.db, [
      ...Array.from({ length: 1_200 }, () => event({})), event({ action: '=1+1', entities: [{ type: 'said', id: 'a "quoted" thing' }] }), event({ action: '@SUM(A1)' }), event({ action: '-2' }),
    ]);
    const lines = (await collect(exportEntries(trust, auditor, { tenant, purpose: 'TREAT' }, 'csv'))).trimEnd().split('\r\n');
    expect(lines).toHaveLength(1_204);
    expect(new Set(lines.map((line) => line.split(',')[1])).size).toBe(1_204);
    expect(lines.filter((line) => /,"[=+\-@\t]/.test(line))).toEqual([]);
    expect(lines.filter((line) => /,"'[=@-]/.test(line))).toHaveLength(3);
    expect(lines.find((line) => line.includes('quoted'))).toContain('a ""quoted"" thing');
    const events = (await collect(exportEntries(trust, auditor, { tenant, action: '-2' }, 'ndjson'))).trimEnd().split('\n');
    expect(events).toHaveLength(1);
    expect(JSON.parse(events[0]!)).toMatchObject({ resourceType: 'AuditEvent', outcome: '0' });
  });

  it('is for who may, and on the log before its first line', async () => {
    const before = await trust.db.query("select 1 from audit_event where action = 'audit.export' and outcome = 'success'");
    expect(await codeOf(() => exportEntries(trust, clinician, { tenant }, 'csv').next())).toBe('auth.forbidden');
    await exportEntries(trust, auditor, { tenant }, 'csv').next();
    expect(await trust.db.query("select 1 from audit_event where action = 'audit.export' and outcome = 'success'")).toHaveLength(before.length + 1);
    expect(await trust.db.query("select 1 from audit_event where action = 'audit.export' and outcome = 'minor-failure'")).toHaveLength(1);
  });
});
