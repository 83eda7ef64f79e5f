import type { Route } from '../route.ts';

/** People, groups, second factors, sessions. */
export const identityRoutes = {} as const satisfies Record<string, Route>;
