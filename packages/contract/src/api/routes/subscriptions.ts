import type { Route } from '../route.ts';

/** FHIR subscriptions and their deliveries. */
export const subscriptionsRoutes = {} as const satisfies Record<string, Route>;
