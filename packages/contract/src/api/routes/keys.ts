import type { Route } from '../route.ts';

/** The state of the key store. */
export const keyRoutes = {} as const satisfies Record<string, Route>;
