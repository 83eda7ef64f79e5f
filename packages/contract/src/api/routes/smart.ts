import type { Route } from '../route.ts';

/** SMART apps: registered clients, launches, consent of a person. */
export const smartRoutes = {} as const satisfies Record<string, Route>;
