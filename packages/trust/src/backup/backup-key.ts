import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { Keys } from '../keys/keys.ts';

/** The installation's own number: what belongs to no tenant is sealed under its key. */
const installation = 0;

/**
 * A backup has a random key of its own, which lies in its manifest, sealed under the installation's key. So a backup
 * opens wherever the key store is, that of a restored backup of the keys too, and nowhere else.
 */
export async function createBackupKey(keys: Keys, backupId: string): Promise<{ key: KeyObject; sealed: Buffer }> {
  const raw = randomBytes(32);
  await keys.ensure(installation, [{ kind: 'tenant' }]);
  return { key: createSecretKey(raw), sealed: keys.seal(installation, { kind: 'tenant' }, raw, aadOf(backupId)) };
}

/** Throws trust.key-missing where the key store is another's, trust.sealed-corrupt where the manifest was altered. */
export async function openBackupKey(keys: Keys, backupId: string, sealed: Uint8Array): Promise<KeyObject> {
  return createSecretKey(await keys.open(installation, sealed, aadOf(backupId)));
}

function aadOf(backupId: string): string {
  return `backup key|${backupId}`;
}
