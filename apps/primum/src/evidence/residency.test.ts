import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertResidency, residencyOf, storesOf } from './residency.ts';

let home: string;
beforeAll(async () => { home = await mkdtemp(join(tmpdir(), 'primum-residency-')); });
afterAll(() => rm(home, { recursive: true, force: true }));
const declare = (content: unknown): Promise<void> => writeFile(join(home, 'residency.json'), typeof content === 'string' ? content : JSON.stringify(content));
const everywhere = (region: string) => Object.fromEntries(['database', 'keys', 'objects', 'checkpoints', 'logs', 'backups'].map((store) => [store, region]));

describe('residency', () => {
  it('holds nobody to what was not declared, and says so', () => {
    expect(residencyOf(home, storesOf(home, undefined)).allowed).toBeNull();
    assertResidency(home, storesOf(home, undefined));
  });

  it('lets a home start whose every store lies where data may be', async () => {
    await declare({ allowed: ['eu-central', 'eu-west'], places: everywhere('eu-west') });
    assertResidency(home, storesOf(home, 'postgresql://u:secret@db.example:5432/x', { backups: '/backup' }));
    expect(residencyOf(home, storesOf(home, 'postgresql://u:secret@db.example:5432/x')).stores[0]).toEqual({ store: 'database', at: 'db.example', region: 'eu-west', allowed: true });
  });

  it('refuses a store elsewhere, and one that nobody declared', async () => {
    await declare({ allowed: ['eu-central'], places: { ...everywhere('eu-central'), backups: 'us-east' } });
    assertResidency(home, storesOf(home, undefined));
    expect(() => assertResidency(home, storesOf(home, undefined, { backups: '/backup' }))).toThrow('backups (us-east)');
    const { keys: _, ...withoutKeys } = everywhere('eu-central');
    await declare({ allowed: ['eu-central'], places: withoutKeys });
    expect(() => assertResidency(home, storesOf(home, undefined))).toThrow('keys (not declared)');
  });

  it('refuses a declaration that it cannot read', async () => {
    for (const content of ['{', { allowed: 'eu' }, { allowed: [], places: { cellar: 'eu' } }]) {
      await declare(content);
      expect(() => assertResidency(home, storesOf(home, undefined))).toThrow('residency.json');
    }
  });
});
