import type { Static, TSchema } from 'typebox';
import type { RouteName, routes } from './routes.ts';

type StaticOf<S> = S extends TSchema ? Static<S> : undefined;
type Part<R, Key extends string> = R extends Record<Key, infer S> ? { [K in Key]: StaticOf<S> } : unknown;

/** What a call of one operation carries: the `params`, `query` and `body` that its row gives, and none that it doesn't. */
export type CallInput<N extends RouteName> =
  Part<(typeof routes)[N], 'params'> & Partial<Part<(typeof routes)[N], 'query'>> & Part<(typeof routes)[N], 'body'>;
/** What it answers; undefined where its row has no response. */
export type CallResult<N extends RouteName> = (typeof routes)[N] extends { response: infer S } ? StaticOf<S> : undefined;
