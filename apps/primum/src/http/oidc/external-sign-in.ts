import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PrimumError } from '@primum/base';
import { createExternalIssuer, parseExternalSettings, type ExternalIssuerPort, type PendingSignIn } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { optionalText } from '../caller.ts';
import { clientOf, setToken } from '../operations/session.ts';
import type { Call, Handler } from '../serve-api.ts';

const path = '/api/session/external';
const aad = 'external-sign-in';

const cookieOf = ({ request }: Call): string => (request.protocol === 'https' ? '__Secure-primum_external' : 'primum_external');

/**
 * Signing in at the issuer that `issuer.json` in the data directory names. What must come back is sealed in a cookie, so
 * a callback that this browser did not ask for is refused. It is read at each start of Primum.
 */
export function externalSignIn(core: Core): Record<'externalIssuer' | 'externalSignIn' | 'externalCallback', Handler> {
  const { keys, clock, home } = core;
  const settings = readSettings(home);
  const issuer = settings === null ? null : createExternalIssuer(settings, () => clock.now());
  const known = (): ExternalIssuerPort => {
    if (issuer === null) throw new PrimumError('api.not-found');
    return issuer;
  };
  return {
    externalIssuer: async () => ({ name: settings?.name ?? null }),
    externalSignIn: async (call) => {
      // A page elsewhere that sends the browser here signs nobody in: the person chooses to, on our sign-in page.
      if (call.request.headers['sec-fetch-site'] === 'cross-site') {
        void call.reply.redirect('/');
        return undefined;
      }
      const next = optionalText(call.query, 'next') ?? '/';
      const { url, pending } = await known().begin(callbackOf(call).href, pageOfOurs(next));
      const sealed = keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify(pending)), aad).toString('base64url');
      // Lax: it must come back with the issuer's redirect.
      void call.reply.setCookie(cookieOf(call), sealed, { path, httpOnly: true, sameSite: 'lax', secure: call.request.protocol === 'https', maxAge: 600 }).redirect(url);
      return undefined;
    },
    externalCallback: async (call) => {
      const cookie = call.request.cookies[cookieOf(call)];
      if (cookie === undefined) throw new PrimumError('auth.external-failed', 'this browser did not ask');
      const opened = await keys.open(tenant, Buffer.from(cookie, 'base64url'), aad).catch((cause: unknown) => { throw new PrimumError('auth.external-failed', 'this browser did not ask', { cause }); });
      // Sealed by us: what `begin` gave.
      const pending = JSON.parse(opened.toString()) as PendingSignIn;
      void call.reply.clearCookie(cookieOf(call), { path, secure: call.request.protocol === 'https' });
      const callback = callbackOf(call);
      callback.search = new URL(call.request.url, callback).search;
      const { person, mfa } = await known().finish(callback, pending);
      const { token } = await core.identity.sessionForExternal(tenant, person, { mfa }, clientOf(call));
      setToken(call.reply, call.request, token);
      // A redirect would still count as coming from the other site, and the session's cookie is for our own pages only:
      // the page goes on by itself, as one of ours.
      void call.reply.type('text/html; charset=utf-8').send(`<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${escaped(pending.next)}"><title>Primum</title>`);
      return undefined;
    },
  };
}

function readSettings(home: string): ReturnType<typeof parseExternalSettings> | null {
  const file = join(home, 'issuer.json');
  return existsSync(file) ? parseExternalSettings(readFileSync(file, 'utf8'), (secret) => readFileSync(resolve(home, secret), 'utf8')) : null;
}

function callbackOf({ request }: Call): URL {
  return new URL(`${path}/callback`, `${request.protocol}://${request.headers.host ?? ''}`);
}

/** As a browser would resolve it, which skips tabs and line breaks: `/\t/elsewhere` is another site. */
export function pageOfOurs(next: string): string {
  const ours = 'http://primum.invalid';
  const url = next.startsWith('/') ? URL.parse(next, ours) : null;
  return url === null || url.origin !== ours ? '/' : `${url.pathname}${url.search}${url.hash}`.replace(/^\/+/, '/');
}

function escaped(text: string): string {
  return text.replace(/[&"<>']/g, (one) => `&#${one.charCodeAt(0)};`);
}
