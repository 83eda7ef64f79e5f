import type { Route } from '../route.ts';

/** The audit log: search, export, proofs, checkpoints. */
export const auditRoutes = {} as const satisfies Record<string, Route>;
