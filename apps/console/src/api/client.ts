import { routes, type CallInput, type CallResult, type Route, type RouteName } from '@primum/contract';
import { lastActivityMs } from './activity.ts';
import { failureOf, unreachable } from './failure.ts';

/** A request within this time of a person's touch is theirs. */
const activeMs = 60_000;

type Loose = { params?: Record<string, unknown>; query?: Record<string, unknown>; body?: unknown };

/**
 * Calls one operation of the contract. The session travels in its cookie. Throws an `ApiFailure` for every answer that
 * isn't 2xx and for a server that doesn't answer, so that a page handles one kind of error.
 */
export async function callApi<N extends RouteName>(name: N, input: CallInput<N>, signal?: AbortSignal): Promise<CallResult<N>> {
  const route: Route = routes[name];
  const { params, query, body } = input as Loose; // the contract's type per operation, seen as the three parts all have
  // What the console asks by itself keeps nobody signed in.
  const idle: Record<string, string> = Date.now() - lastActivityMs() > activeMs ? { 'x-primum-activity': 'none' } : {};
  const request: RequestInit = { method: route.method, credentials: 'same-origin', headers: { accept: 'application/json', ...idle } };
  if (signal !== undefined) request.signal = signal;
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { accept: 'application/json', 'content-type': 'application/json', ...idle };
  }
  const response = await fetch(addressOf(route.path, params ?? {}, query ?? {}), request).catch((cause: unknown) => {
    if (signal?.aborted === true) throw cause;
    throw unreachable();
  });
  if (!response.ok) throw await failureOf(response);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as CallResult<N>; // the server validates answers against the same schema
}

/** Fills `:name` in a path and appends the query's defined values. */
export function addressOf(path: string, params: Record<string, unknown>, query: Record<string, unknown>): string {
  const filled = path.replace(/:([a-zA-Z]+)/g, (_, key: string) => encodeURIComponent(String(params[key])));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(key, String(value));
  }
  return search.size === 0 ? filled : `${filled}?${search.toString()}`;
}
