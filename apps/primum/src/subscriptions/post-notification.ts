import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { SubscriptionReason, SubscriptionWish } from '@primum/record';
import { AddressRefused, demandEndpoint, lookupWithin, mayReach, type EndpointRules } from './endpoint-rules.ts';

export type Sent = { ok: true } | { ok: false; reason: SubscriptionReason };

export type Post = (wish: Pick<SubscriptionWish, 'endpoint' | 'headers' | 'timeoutS'>, body: string, signal: AbortSignal) => Promise<Sent>;

const maxAnswerBytes = 64 * 1024;

/**
 * Posts notifications. An answer of 2xx is a receipt; another one, a redirection too, is none. Connections are kept; each
 * was made to an address that the rules allow. The time limit is for the whole exchange.
 */
export function createPost(rules: EndpointRules): { post: Post; close(): void } {
  const agents = { http: new HttpAgent({ keepAlive: true, maxSockets: 32 }), https: new HttpsAgent({ keepAlive: true, maxSockets: 32 }) };
  const lookup = lookupWithin(rules);
  return {
    post: (wish, body, signal) => new Promise((resolve) => {
      // A timer of our own: the socket's counts silence only, and a receiver may trickle.
      const late = new AbortController();
      const limit = setTimeout(() => late.abort(), wish.timeoutS * 1_000);
      const done = (sent: Sent): void => {
        clearTimeout(limit);
        resolve(sent);
      };
      const { endpoint, headers } = wish;
      if (endpoint === null) return done({ ok: false, reason: 'address-refused' });
      try {
        demandEndpoint(rules, wish); // as the rules are now
      } catch {
        return done({ ok: false, reason: 'address-refused' });
      }
      const host = endpoint.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !mayReach(rules, host, host)) return done({ ok: false, reason: 'address-refused' });
      const secure = endpoint.protocol === 'https:';
      const bytes = Buffer.from(body);
      const request = (secure ? httpsRequest : httpRequest)(endpoint, {
        method: 'POST', lookup, agent: secure ? agents.https : agents.http, signal: AbortSignal.any([signal, late.signal]),
        headers: { ...Object.fromEntries(headers), 'content-type': 'application/fhir+json; charset=utf-8', 'content-length': bytes.length, 'user-agent': 'Primum' },
      }, (response) => {
        let read = 0;
        const received = (response.statusCode ?? 0) >= 200 && (response.statusCode ?? 0) < 300;
        response.on('data', (chunk: Buffer) => {
          read += chunk.length;
          if (read > maxAnswerBytes) response.destroy();
        });
        response.on('error', () => undefined); // what was answered was answered
        response.on('close', () => done(received && !late.signal.aborted ? { ok: true } : { ok: false, reason: late.signal.aborted ? 'no-response' : 'refused' }));
      });
      request.on('error', (error) => done({ ok: false, reason: error instanceof AddressRefused ? 'address-refused' : late.signal.aborted ? 'no-response' : 'unreachable' }));
      request.end(bytes);
    }),
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}
