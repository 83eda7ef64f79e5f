import { PrimumError } from '@primum/base';
import { userPrincipal, type Principal, type Session, type UserPrincipal } from '@primum/trust';
import type { Call } from './serve-api.ts';

/** Who makes this call; the route's table has already asked for a session. */
export function callerOf(call: Call): UserPrincipal {
  return userPrincipal(sessionOf(call), call.remote);
}

/** Who reads FHIR: a person by session, or an app or service account. */
export function readerOf(call: Call): Principal {
  if (call.principal === null) throw new PrimumError('auth.required');
  return call.principal;
}

export function sessionOf(call: Call): Session {
  if (call.session === null) throw new PrimumError('auth.required');
  return call.session;
}

/** A parameter that the route's schema has made sure of. */
export function textOf(values: Record<string, unknown>, name: string): string {
  const value = values[name];
  if (typeof value !== 'string') throw new PrimumError('api.request-invalid', name);
  return value;
}

export function optionalText(values: Record<string, unknown>, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}
