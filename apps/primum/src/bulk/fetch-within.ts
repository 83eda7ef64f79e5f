import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopbackHost, PrimumError } from '@primum/base';
import { AddressRefused, lookupWithin, mayReach, type EndpointRules } from '../subscriptions/endpoint-rules.ts';

const idleMs = 60_000;

/** `PRIMUM_BULK_HOSTS`, comma-separated: hosts that may be read although their addresses are private. This machine itself in a demonstration. */
export function bulkRules(env: NodeJS.ProcessEnv, demonstration: boolean): EndpointRules {
  const hosts = (env['PRIMUM_BULK_HOSTS'] ?? '').split(',').map((host) => host.trim().toLowerCase()).filter((host) => host !== '');
  return { hosts, loopback: demonstration || hosts.some(isLoopbackHost) };
}

/**
 * A GET, or with a body a POST, of an address that somebody else named: https, or http to this machine where that is allowed; to no private
 * address that nobody listed, asked of what the name resolves to; redirects are not followed. Throws
 * bulk.address-refused, bulk.remote-failed.
 */
export async function fetchWithin(rules: EndpointRules, address: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<IncomingMessage> {
  const url = URL.canParse(address) ? new URL(address) : null;
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  const ours = isLoopbackHost(host);
  if (url === null || url.username !== '' || (ours ? !rules.loopback || !/^https?:$/.test(url.protocol) : url.protocol !== 'https:')) throw new PrimumError('bulk.address-refused');
  // An address that stands there as it is is looked up by nobody.
  if (isIP(host) !== 0 && !mayReach(rules, host, host)) throw new PrimumError('bulk.address-refused');
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const asked = send(url, { method: body === undefined ? 'GET' : 'POST', headers: { ...headers, 'accept-encoding': 'identity' }, lookup: lookupWithin(rules), agent: false }, (answer) => {
      answer.setTimeout(idleMs, () => { answer.destroy(new PrimumError('bulk.remote-failed', 'silent for a minute')); });
      resolve(answer);
    });
    asked.setTimeout(idleMs, () => { asked.destroy(new PrimumError('bulk.remote-failed', 'no answer in a minute')); });
    asked.end(body);
    asked.on('error', (error) => reject(error instanceof PrimumError ? error : new PrimumError(error instanceof AddressRefused ? 'bulk.address-refused' : 'bulk.remote-failed', undefined, { cause: error })));
  });
}

export async function textOfAnswer(answer: IncomingMessage, maxBytes = 16 * 1024 * 1024): Promise<string> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > maxBytes) throw new PrimumError('bulk.remote-failed', 'an answer that is too long');
  }
  return text;
}
