import { setTimeout as sleep } from 'node:timers/promises';
import { PrimumError } from '@primum/base';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { sessionCookieOf } from '../http/serve-api.ts';

/** Longest times from the commit of a revocation to the first refused request, and to the end of an open event stream, in ms. */
export type RevocationLatency = { rounds: number; requestMs: number; streamMs: number; fromOutsideRequestMs: number; fromOutsideStreamMs: number };

const issuer = 'urn:primum:revocation-probe';
const pauseMs = 5;
const patienceMs = 10_000;

/**
 * Measures on the running server how fast a revoked session is refused: a person made for it signs in, keeps asking and
 * holds an event stream, and is revoked by the server itself, then past it in the database, as another process would.
 * The person is removed afterwards; the log keeps what was done. `url`: where the server answers, with a final slash.
 */
export async function measureRevocation(deps: { core: Core; url: string }, rounds = 5): Promise<RevocationLatency> {
  const { core, url } = deps;
  const worst: RevocationLatency = { rounds, requestMs: 0, streamMs: 0, fromOutsideRequestMs: 0, fromOutsideStreamMs: 0 };
  const probe = { issuer, subject: 'probe', username: 'revocation-probe', displayName: 'Revocation probe', role: 'auditor' as const, groups: [] };
  let userId = '';
  try {
    for (let round = 0; round < rounds * 2; round += 1) {
      const outside = round % 2 === 1;
      const { token, session } = await core.identity.sessionForExternal(tenant, probe, { mfa: true }, {});
      userId = session.userId;
      const headers = { cookie: `${sessionCookieOf({ protocol: url.startsWith('https:') ? 'https' : 'http' })}=${token}` };
      const stream = await fetch(`${url}api/events`, { headers });
      if (stream.status !== 200 || (await statusOf(url, headers)) !== 200) throw new PrimumError('internal.bug', 'the probe was not signed in');
      const streamEnd = endOf(stream);
      if (outside) await core.db.query('delete from session where tenant = $1 and user_id = $2', [tenant, userId]);
      else await core.identity.endSessions(tenant, mintSystemPrincipal('trust'), userId);
      const from = performance.now();
      const requestMs = await refusedAfter(url, headers, from);
      const streamMs = await streamEnd - from;
      if (outside) Object.assign(worst, { fromOutsideRequestMs: Math.max(worst.fromOutsideRequestMs, requestMs), fromOutsideStreamMs: Math.max(worst.fromOutsideStreamMs, streamMs) });
      else Object.assign(worst, { requestMs: Math.max(worst.requestMs, requestMs), streamMs: Math.max(worst.streamMs, streamMs) });
    }
  } finally {
    if (userId !== '') await core.db.query('delete from app_user where tenant = $1 and id = $2', [tenant, userId]);
  }
  return worst;
}

async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const answer = await fetch(`${url}api/session`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

async function refusedAfter(url: string, headers: Record<string, string>, from: number): Promise<number> {
  while (performance.now() - from < patienceMs) {
    if (await statusOf(url, headers) === 401) return performance.now() - from;
    await sleep(pauseMs);
  }
  throw new PrimumError('net.timeout', 'a revoked session was still answered');
}

async function endOf(stream: Response): Promise<number> {
  await Promise.race([stream.arrayBuffer().catch(() => undefined), sleep(patienceMs, undefined, { ref: false })]);
  return performance.now();
}
