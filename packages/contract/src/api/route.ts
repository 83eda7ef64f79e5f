import type { TSchema } from 'typebox';
import type { SessionState } from '../lifecycles.ts';
import type { Permission } from '../roles.ts';

/** One row of the table of operations. */
export type Route = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** Permission that the caller must hold, or several of which one is enough; `public` needs no session, `session` any. */
  needs: Permission | readonly Permission[] | 'public' | 'session';
  /** Session states in which it answers; `full` alone unless said otherwise. */
  states?: readonly SessionState[];
  /** Asks that the caller proved who they are within the last 15 minutes (`PUT /api/session/factor`). */
  freshFactor?: true;
  /** The longest body that is taken; 1 MiB where absent. */
  maxBodyBytes?: number;
  params?: TSchema;
  query?: TSchema;
  body?: TSchema;
  response?: TSchema;
};
