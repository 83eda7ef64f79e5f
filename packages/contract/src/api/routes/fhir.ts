import type { Route } from '../route.ts';

/** FHIR R4 REST. */
export const fhirRoutes = {} as const satisfies Record<string, Route>;
