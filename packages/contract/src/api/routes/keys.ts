import { KeyState, RotateKeys } from '../key-state.ts';
import type { Route } from '../route.ts';

/** The state of the key store. */
export const keyRoutes = {
  keyState: { method: 'GET', path: '/api/keys', needs: 'key.read', response: KeyState },
  /** Makes the next master key, or the next data key of this tenant; keys are brought over to it in the background. */
  rotateKeys: { method: 'POST', path: '/api/keys/rotate', needs: 'key.manage', freshFactor: true, body: RotateKeys, response: KeyState },
} as const satisfies Record<string, Route>;
