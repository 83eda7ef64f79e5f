import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '@primum/base';
import type { Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, type Audit } from '../audit/audit.ts';
import { createPolicy, type Policy } from '../policy/policy.ts';
import { openKeys, type Keys } from '../keys/keys.ts';

export type TestTrust = { db: Db; keys: Keys; audit: Audit; policy: Policy; clock: ReturnType<typeof manualClock>; close(): Promise<void> };

/** What trust needs for a test file: a database of its own, a key store in a folder of its own, a clock moved by hand. */
export async function openTestTrust(): Promise<TestTrust> {
  const { db, drop } = await createTestDatabase();
  const directory = mkdtempSync(join(tmpdir(), 'primum-trust-'));
  const clock = manualClock(new Date('2026-03-01T08:00:00.000Z'));
  const keys = await openKeys({ directory, tenants: [1], clock });
  return {
    db, keys, audit: createAudit({ keys }), clock,
    policy: createPolicy({ demonstration: true, readPatientFacts: async (_sql, _tenant, ids) => ids.map((patientId) => ({ patientId, rootId: patientId, careUnits: ['*'], restricted: false, aiOptOut: false, researchOptOut: false, vip: false, emergencyFor: [] })) }),
    close: async () => {
      await drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'no error';
}
