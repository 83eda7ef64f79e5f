import type { Route } from '../route.ts';

/** Validation and terminology operations of FHIR. */
export const terminologyRoutes = {} as const satisfies Record<string, Route>;
