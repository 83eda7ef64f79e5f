import type { Route } from '../route.ts';

/** Data quality. */
export const qualityRoutes = {} as const satisfies Record<string, Route>;
