import type { TSchema } from 'typebox';
import type { Permission } from '../roles.ts';

/** One row of the table of operations. */
export type Route = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  /** Permission that the caller must hold; `public` needs no session, `session` any. */
  needs: Permission | 'public' | 'session';
  params?: TSchema;
  query?: TSchema;
  body?: TSchema;
  response?: TSchema;
};
