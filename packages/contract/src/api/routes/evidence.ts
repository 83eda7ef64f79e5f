import type { Route } from '../route.ts';

/** Evidence, agreements with business associates, residency, breach investigations. */
export const evidenceRoutes = {} as const satisfies Record<string, Route>;
