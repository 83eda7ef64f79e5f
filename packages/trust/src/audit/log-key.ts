import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { createDurably } from '../keys/create-durably.ts';
import type { Keys } from '../keys/keys.ts';
import { createSigner, type Signer } from './signed-note.ts';

const pathOf = (directory: string, tenant: number): string => join(directory, `audit-log-${tenant}.sealed`);
const aadOf = (tenant: number): string => `audit-log-key|${tenant}`;

/**
 * The signing key of a tenant's log, made once: `origin` (a random name of this log) and an Ed25519 seed, sealed under
 * the tenant's key in a file of the key store's folder. It is never in the database, so that who has that, and even the
 * tenant's key, can't sign another history.
 */
export async function openLogKey(deps: { keys: Keys; directory: string }, tenant: number): Promise<Signer> {
  const { keys, directory } = deps;
  const path = pathOf(directory, tenant);
  if (!existsSync(path)) {
    await keys.ensure(tenant, [{ kind: 'tenant' }]);
    const made = { origin: `primum/${randomBytes(8).toString('hex')}/audit/${tenant}`, seed: randomBytes(32).toString('base64') };
    createDurably(path, keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify(made)), aadOf(tenant)));
  }
  const content: unknown = JSON.parse((await keys.open(tenant, readFileSync(path), aadOf(tenant))).toString());
  if (typeof content !== 'object' || content === null || !('origin' in content && 'seed' in content)) throw new PrimumError('trust.key-store-unusable', 'the audit log\'s key');
  return createSigner(String(content.origin), Buffer.from(String(content.seed), 'base64'));
}

/** Puts the key aside, so that the next one begins a log of another origin. */
export function retireLogKey(directory: string, tenant: number, suffix: string): void {
  const path = pathOf(directory, tenant);
  if (existsSync(path)) renameSync(path, `${path}.${suffix}`);
}
