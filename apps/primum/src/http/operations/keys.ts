import type { keyRoutes, RotateKeys } from '@primum/contract';
import { tenant } from '../../core.ts';
import { keyState, rotateKeys } from '../../key-rotation.ts';
import { callerOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function keyOperations({ core }: HandlerDeps): Record<keyof typeof keyRoutes, Handler> {
  return {
    keyState: async (call) => {
      await core.audit.write(core.db, [{ tenant, action: 'keys.state', outcome: 'success', principal: callerOf(call), purpose: 'HSYSADMIN', at: core.clock.now() }]);
      return keyState(await core.keys.status(tenant));
    },
    rotateKeys: async (call) => {
      const { what } = call.body as RotateKeys; // validated by the route's schema
      await rotateKeys(core, what, callerOf(call));
      return keyState(await core.keys.status(tenant));
    },
  };
}
