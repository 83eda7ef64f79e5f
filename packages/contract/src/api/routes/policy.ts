import type { Route } from '../route.ts';

/** Who may do what, decided live. */
export const policyRoutes = {} as const satisfies Record<string, Route>;
