import type { KeyState, RotateKeys } from '@primum/contract';
import type { KeyStatus, Principal } from '@primum/trust';
import { tenant, type Core } from './core.ts';

/**
 * Makes the next generation, and puts it on the audit log. The key store is outside the database, so the two can't be
 * one transaction: what is about to be done is logged first, and what was done with its generation after.
 */
export async function rotateKeys(core: Pick<Core, 'keys' | 'audit' | 'db' | 'clock'>, what: RotateKeys['what'], principal: Principal): Promise<number> {
  const write = (action: string, id: string): Promise<unknown> => core.audit.write(core.db, [{
    tenant, action, outcome: 'success', principal, purpose: 'HSYSADMIN', at: core.clock.now(), entities: [{ type: 'key-generation', id }],
  }]);
  await write('keys.rotate-asked', what);
  const generation = what === 'master' ? await core.keys.rotateMaster() : await core.keys.rotateTenantKey(tenant);
  await write('keys.rotated', `${what} ${generation}`);
  return generation;
}

export function keyState({ store, masterFrom, masters, tenantGeneration, walk }: KeyStatus): KeyState {
  return {
    store, masterFrom, tenantGeneration,
    masters: masters.map(({ generation, since }) => ({ generation, since: since.toISOString(), keys: walk === undefined ? null : walk.byGeneration[generation] ?? 0 })),
    walk: walk === undefined ? null : {
      endedAt: walk.endedAt.toISOString(), patients: walk.keys.patient, tenant: walk.keys.tenant, index: walk.keys.index, intake: walk.keys.intake, unreadable: walk.unreadable,
    },
  };
}
