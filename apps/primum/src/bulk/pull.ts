import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PrimumError, uuidv7 } from '@primum/base';
import type { Principal } from '@primum/trust';
import { importJWK, SignJWT, type CryptoKey, type JWK, type KeyObject } from 'jose';
import { tenant, type Core } from '../core.ts';
import type { Fhir } from '../fhir.ts';
import { createFhirDeps } from '../http/fhir/fhir-deps.ts';
import type { EndpointRules } from '../subscriptions/endpoint-rules.ts';
import { fetchWithin, textOfAnswer } from './fetch-within.ts';
import { importLines, type Imported } from './run-import.ts';

export type PullRequest = { url: string; clientId: string; keyFile: string; scope: string; types: readonly string[] };
/** How far a pull came: what it asked for, what it was given, which line of which file is next. */
type Place = { status?: string; files?: { type: string; url: string }[]; file?: number; line?: number; transactionTime?: string };
export type PullEvent = { asked: true } | { waiting: string } | { imported: Imported; type: string };

export type Pulled = { imported: number; refused: number; transactionTime: string | null };

/** First key of the advisory lock of a pull; the second is of its address. */
const pullLockClass = 0x5052_504c;
const longestWaitS = 120;
/** Files in this order: whoever is spoken of must be on record. */
const firstTypes = ['Patient', 'Organization', 'Practitioner', 'PractitionerRole', 'Location'];

/**
 * Pulls another server's record: FHIR Bulk Data `$export` with SMART backend services (a signed assertion, RS384 or
 * ES384), then its files, line by line. Where it was cut off it goes on at the next line when it is run again with the same
 * address: the place is written after each transaction, and lines are upserts. One at a time of one address, held by a
 * lock that ends with its process. Throws bulk.running, bulk.remote-failed, bulk.address-refused.
 */
export async function pull(core: Core, fhir: Fhir, principal: Principal, rules: EndpointRules, request: PullRequest, on: (event: PullEvent) => void): Promise<Pulled> {
  const session = await core.db.session();
  try {
    const [row] = await session.query<{ got: boolean }>('select pg_try_advisory_lock($1, hashtext($2)) as got', [pullLockClass, `${tenant} ${request.url}`]);
    if (row?.got !== true) throw new PrimumError('bulk.running');
    return await pullAlone(core, fhir, principal, rules, request, on);
  } finally {
    await session.close();
  }
}

async function pullAlone(core: Core, fhir: Fhir, principal: Principal, rules: EndpointRules, request: PullRequest, on: (event: PullEvent) => void): Promise<Pulled> {
  const token = await tokenOf(rules, request);
  const asked = async (url: string, headers: Readonly<Record<string, string>> = {}): ReturnType<typeof fetchWithin> => fetchWithin(rules, url, { authorization: `Bearer ${await token()}`, ...headers });
  const [standing] = await core.db.query<{ id: string; place: Place; done: number; failed: number }>("select id, place, done, failed from bulk_job where tenant = $1 and kind = 'pull' and status = 'running' and request ->> 'url' = $2", [tenant, request.url]);
  const id = standing?.id ?? uuidv7();
  const place: Place = standing?.place ?? {};
  const counts = { imported: standing?.done ?? 0, refused: standing?.failed ?? 0 };
  if (standing === undefined) {
    await core.db.query("insert into bulk_job (tenant, id, kind, status, purpose, request) values ($1, $2, 'pull', 'running', 'HOPERAT', $3)", [tenant, id, JSON.stringify({ url: request.url, clientId: request.clientId, types: request.types })]);
  }
  // What it had is gone, and the next run asks anew.
  const gone = async (what: string, status: number | undefined): Promise<never> => {
    await core.db.query("update bulk_job set status = 'failed', reason = 'bulk.remote-failed', finished_at = now(), expires_at = now() + interval '24 hours' where tenant = $1 and id = $2", [tenant, id]);
    throw new PrimumError('bulk.remote-failed', `${what} was answered ${status}`);
  };
  const keep = (): Promise<unknown> => core.db.query('update bulk_job set place = $3, done = $4, failed = $5 where tenant = $1 and id = $2', [tenant, id, JSON.stringify(place), counts.imported, counts.refused]);

  if (place.status === undefined) {
    const kick = await asked(`${request.url}/$export${request.types.length === 0 ? '' : `?_type=${request.types.join(',')}`}`, { accept: 'application/fhir+json', prefer: 'respond-async' });
    const status = kick.headers['content-location'];
    await textOfAnswer(kick);
    if (kick.statusCode !== 202 || status === undefined) throw new PrimumError('bulk.remote-failed', `$export was answered ${kick.statusCode}`);
    place.status = sameServer(request.url, status);
    await keep();
    on({ asked: true });
  }
  while (place.files === undefined) {
    const answer = await asked(place.status, { accept: 'application/json' });
    const text = await textOfAnswer(answer);
    if (answer.statusCode === 202 || answer.statusCode === 429 || answer.statusCode === 503) {
      on({ waiting: String(answer.headers['x-progress'] ?? '') });
      await sleep(Math.min(longestWaitS, Number(answer.headers['retry-after']) || 5) * 1_000);
      continue;
    }
    if (answer.statusCode !== 200) return gone('the export', answer.statusCode); // whatever else it says
    const { output, transactionTime } = JSON.parse(text) as { output?: { type: string; url: string }[]; transactionTime?: string }; // the manifest of Bulk Data
    const rank = (type: string): number => (firstTypes.indexOf(type) + firstTypes.length + 1) % (firstTypes.length + 1);
    place.files = (output ?? []).map(({ type, url }) => ({ type, url: sameServer(request.url, url) })).toSorted((a, b) => rank(a.type) - rank(b.type));
    if (transactionTime !== undefined) place.transactionTime = transactionTime;
    await keep();
  }
  const deps = createFhirDeps(core, fhir);
  for (let n = place.file ?? 0; n < place.files.length; n += 1) {
    const { type, url } = place.files[n]!; // within the list
    const answer = await asked(url, { accept: 'application/fhir+ndjson' });
    if (answer.statusCode !== 200) {
      answer.destroy();
      // Files go after their time; a server that is busy has them still.
      if (answer.statusCode === 404 || answer.statusCode === 410) return gone('a file', answer.statusCode);
      throw new PrimumError('bulk.remote-failed', `a file was answered ${answer.statusCode}`);
    }
    await importLines({ core, fhir, valid: deps.valid }, { principal, purpose: 'HOPERAT' }, answer, place.line ?? 0, async (line, imported) => {
      counts.imported += imported.done;
      counts.refused += imported.refused.length;
      place.file = n;
      place.line = line;
      await keep();
      on({ imported, type });
      return true;
    });
    place.file = n + 1;
    place.line = 0;
    await keep();
  }
  await core.db.query("update bulk_job set status = 'finished', finished_at = now(), expires_at = now() + interval '24 hours' where tenant = $1 and id = $2", [tenant, id]);
  return { ...counts, transactionTime: place.transactionTime ?? null };
}

/** A token is shown to the server it is of, and to no address that an answer names elsewhere. */
function sameServer(base: string, address: string): string {
  const url = new URL(address, base);
  if (url.origin !== new URL(base).origin) throw new PrimumError('bulk.address-refused', 'another server than the one that was asked');
  return url.href;
}

/** SMART backend services: a token by a signed assertion, kept until it is nearly over. */
async function tokenOf(rules: EndpointRules, { url, clientId, keyFile, scope }: PullRequest): Promise<() => Promise<string>> {
  const discovery = await fetchWithin(rules, `${url}/.well-known/smart-configuration`, { accept: 'application/json' });
  const { token_endpoint: endpoint } = JSON.parse(await textOfAnswer(discovery)) as { token_endpoint?: string }; // SMART App Launch 2.2, conformance
  if (endpoint === undefined) throw new PrimumError('bulk.remote-failed', 'no token_endpoint in its SMART configuration');
  const { key, alg, kid } = await keyAt(keyFile);
  let held: { access: string; until: number } | undefined;
  return async () => {
    if (held !== undefined && held.until > Date.now()) return held.access;
    const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud: endpoint, jti: uuidv7(), exp: Math.floor(Date.now() / 1_000) + 240 }).setProtectedHeader({ alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) }).sign(key);
    const form = new URLSearchParams({ grant_type: 'client_credentials', scope, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion }).toString();
    const answer = await fetchWithin(rules, endpoint, { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }, form);
    const { access_token: access, expires_in: seconds = 60 } = JSON.parse(await textOfAnswer(answer)) as { access_token?: string; expires_in?: number }; // RFC 6749, section 5.1
    if (access === undefined) throw new PrimumError('bulk.remote-failed', `the token endpoint answered ${answer.statusCode}`);
    held = { access, until: Date.now() + seconds * 750 };
    return access;
  };
}

/** A private key as JWK or PEM. */
async function keyAt(file: string): Promise<{ key: CryptoKey | KeyObject | Uint8Array; alg: string; kid: string | undefined }> {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.trimStart().startsWith('{')) {
      const jwk = JSON.parse(text) as JWK; // what it lacks importJWK says
      const alg = jwk.alg ?? (jwk.kty === 'RSA' ? 'RS384' : 'ES384');
      return { key: await importJWK(jwk, alg), alg, kid: jwk.kid };
    }
    const key = createPrivateKey(text);
    return { key, alg: key.asymmetricKeyType === 'rsa' ? 'RS384' : 'ES384', kid: undefined };
  } catch (cause) {
    throw new PrimumError('config.invalid', 'the key file holds no private key (JWK or PEM)', { cause });
  }
}
