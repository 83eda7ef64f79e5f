import type { Purpose } from '@primum/contract';
import { tenant, type Core } from '../core.ts';
import { callerOf } from './caller.ts';
import type { Call } from './serve-api.ts';

/** A list that names people or patients was shown: on the audit log before the answer leaves. */
export async function noteRead<T>(core: Core, call: Call, read: { action: string; purpose: Purpose; patientIds?: (list: T) => readonly (string | null)[] }, list: T): Promise<T> {
  const { action, purpose, patientIds } = read;
  const named = [...new Set(patientIds?.(list).filter((id) => id !== null))];
  await core.audit.write(core.db, [{ tenant, principal: callerOf(call), purpose, action, outcome: 'success', at: core.clock.now(), ...(named.length === 0 ? {} : { patientIds: named }) }]);
  return list;
}
