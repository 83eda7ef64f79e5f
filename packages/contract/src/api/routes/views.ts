import type { Route } from '../route.ts';

/** SQL on FHIR. */
export const viewsRoutes = {} as const satisfies Record<string, Route>;
