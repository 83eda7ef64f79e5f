import type { Route } from '../route.ts';

/** FHIR Bulk Data, and attachments. */
export const bulkRoutes = {} as const satisfies Record<string, Route>;
