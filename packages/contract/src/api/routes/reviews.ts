import type { Route } from '../route.ts';

/** Emergency access, suspicious access, disclosures. */
export const reviewRoutes = {} as const satisfies Record<string, Route>;
