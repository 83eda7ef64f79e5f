import type { Route } from '../route.ts';

/** From message to action, as one graph. */
export const lineageRoutes = {} as const satisfies Record<string, Route>;
