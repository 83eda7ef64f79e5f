import type { Clock } from '@primum/base';
import { defaultEpochMaxAgeMs, type Keys } from './keys.ts';
import { sealedKeyOf } from './sealed-format.ts';
import type { KeyScope } from './key-scope.ts';

/** Sealed under intake as a message arrived, sealed again under its patient's key (or the tenant's) once that is known. */
export async function reseal(
  keys: Keys, tenant: number, sealed: Uint8Array, from: { aad: string }, to: { scope: KeyScope; aad: string },
): Promise<Buffer> {
  await keys.ensure(tenant, [to.scope]);
  return keys.seal(tenant, to.scope, await keys.open(tenant, sealed, from.aad), to.aad);
}

/** The id of the intake epoch that a sealed value rests on; undefined when another kind of key sealed it. */
export function intakeEpochOf(sealed: Uint8Array): string | undefined {
  const { kind, keyId } = sealedKeyOf(sealed);
  return kind === 'intake' ? keyId : undefined;
}

/** A message sealed at the very end of an epoch is committed well before this is over. */
const graceMs = 600_000;

/**
 * Destroys the keys of past intake epochs on which no message rests, so that a copy of the database cannot bring back
 * raw messages that have been sealed again elsewhere. `inUse` is asked after the epochs were listed and says on which
 * epochs waiting or quarantined messages rest: in SQL, `encode(substring(sealed from 3 for 16), 'hex')::uuid` of those
 * whose `get_byte(sealed, 1)` is 3. Returns the ids destroyed.
 */
export async function retireIntakeEpochs(
  deps: { keys: Keys; clock: Clock; epochMaxAgeMs?: number }, tenant: number, inUse: () => Promise<ReadonlySet<string>>,
): Promise<string[]> {
  const endedBeforeMs = deps.clock.now().getTime() - (deps.epochMaxAgeMs ?? defaultEpochMaxAgeMs) - graceMs;
  const ended = (await deps.keys.intakeEpochs(tenant)).filter((id) => startedAtMs(id) < endedBeforeMs);
  if (ended.length === 0) return [];
  const used = await inUse();
  const retired = ended.filter((id) => !used.has(id));
  for (const id of retired) await deps.keys.destroyIntakeEpoch(tenant, id);
  return retired;
}

/** The first 48 bits of a UUIDv7 are its time, milliseconds since 1970 (RFC 9562, section 5.7). */
function startedAtMs(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}
