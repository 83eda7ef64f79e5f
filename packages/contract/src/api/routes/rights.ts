import type { Route } from '../route.ts';

/** Consent, legal hold, restriction, access, erasure. */
export const rightsRoutes = {} as const satisfies Record<string, Route>;
