import { uuidv7 } from '@primum/base';
import type { WebAuthnAnswer } from '@primum/contract';
import type { Sql } from '@primum/store';
import {
  generateAuthenticationOptions, generateRegistrationOptions, verifyAuthenticationResponse, verifyRegistrationResponse,
  type AuthenticationResponseJSON, type AuthenticatorTransport, type RegistrationResponseJSON,
} from '@simplewebauthn/server';
import type { Challenges } from './challenges.ts';

/** The relying party as the browser sees it: a name (WebAuthn takes no IP address) and the origin that goes with it. */
export type RelyingParty = { id: string; origin: string };
export type PasskeyUser = { tenant: number; userId: string; username: string; displayName: string };

const ceremonyMs = 120_000;
const maxPasskeys = 20;
/** EdDSA, ES256, RS256 (IANA COSE): what authenticators have; those that Node calls experimental are left out. */
const algorithms = [-8, -7, -257];
const transports: readonly string[] = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'];

type PasskeyRow = { id: string; user_id: string; credential_id: string; public_key: string; counter: number; transports: string[] };

const credentialOf = ({ credential_id: id, transports: said }: Pick<PasskeyRow, 'credential_id' | 'transports'>): { id: string; transports: AuthenticatorTransport[] } => ({
  id, transports: said as AuthenticatorTransport[], // only the known ones were stored
});

async function passkeysOf(sql: Sql, tenant: number, userId: string): Promise<PasskeyRow[]> {
  return sql.query<PasskeyRow>('select id, user_id, credential_id, public_key, counter, transports from passkey where tenant = $1 and user_id = $2 order by created_at', [tenant, userId]);
}

/** A discoverable credential with user verification: something one has, opened by something one is or knows, so two factors by itself. */
export async function registrationOptions(sql: Sql, challenges: Challenges, rp: RelyingParty, user: PasskeyUser, sessionId: string): Promise<Record<string, unknown>> {
  const known = await passkeysOf(sql, user.tenant, user.userId);
  const options = await generateRegistrationOptions({
    rpName: 'Primum', rpID: rp.id, userName: user.username, userDisplayName: user.displayName, userID: Uint8Array.from(Buffer.from(user.userId.replaceAll('-', ''), 'hex')),
    challenge: challenges.make(user.tenant, `register|${sessionId}`), timeout: ceremonyMs, attestationType: 'none', supportedAlgorithmIDs: algorithms, excludeCredentials: known.map(credentialOf),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  });
  return { ...options };
}

/** Keeps a new credential; its id, or null where the answer does not fit. */
export async function addPasskey(tx: Sql, challenges: Challenges, rp: RelyingParty, user: PasskeyUser, sessionId: string, answer: WebAuthnAnswer, now: Date): Promise<string | null> {
  if ((await passkeysOf(tx, user.tenant, user.userId)).length >= maxPasskeys) return null;
  let used = '';
  const verified = await verifyRegistrationResponse({
    response: answer as unknown as RegistrationResponseJSON, // read and checked part by part by the verifier
    expectedChallenge: (challenge) => { used = challenge; return challenges.fits(user.tenant, `register|${sessionId}`, challenge); },
    expectedOrigin: rp.origin, expectedRPID: rp.id, requireUserVerification: true, supportedAlgorithmIDs: algorithms,
  }).catch(() => undefined);
  if (verified?.verified !== true || !await challenges.use(tx, user.tenant, used)) return null;
  const { credential, credentialDeviceType, credentialBackedUp } = verified.registrationInfo;
  const id = uuidv7(now.getTime());
  const rows = await tx.query(
    `insert into passkey (tenant, id, user_id, credential_id, public_key, counter, transports, multi_device, backed_up, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning 1 as added`,
    [
      user.tenant, id, user.userId, credential.id, Buffer.from(credential.publicKey).toString('base64url'), credential.counter,
      (credential.transports ?? []).filter((one) => transports.includes(one)), credentialDeviceType === 'multiDevice', credentialBackedUp, now,
    ],
  );
  return rows.length === 0 ? null : id;
}

/** `whom`: the session whose person is asked; without one, whoever has a passkey here. */
export async function authenticationOptions(sql: Sql, challenges: Challenges, rp: RelyingParty, tenant: number, whom?: { userId: string; sessionId: string }): Promise<Record<string, unknown>> {
  const allowed = whom === undefined ? [] : (await passkeysOf(sql, tenant, whom.userId)).map(credentialOf);
  const options = await generateAuthenticationOptions({
    rpID: rp.id, challenge: challenges.make(tenant, whom === undefined ? 'sign-in' : `factor|${whom.sessionId}`), timeout: ceremonyMs, userVerification: 'required', allowCredentials: allowed,
  });
  return { ...options };
}

/**
 * Takes an assertion once; whose passkey it was, or null. The signature counter must grow where the authenticator counts
 * (WebAuthn level 3, 7.2 step 22): one that does not is a copy, and is refused.
 */
export async function takePasskey(
  tx: Sql, challenges: Challenges, rp: RelyingParty, tenant: number, answer: WebAuthnAnswer, now: Date, whom?: { userId: string; sessionId: string },
): Promise<{ userId: string; passkeyId: string } | null> {
  const [row] = await tx.query<PasskeyRow>(
    'select id, user_id, credential_id, public_key, counter, transports from passkey where tenant = $1 and credential_id = $2 for update', [tenant, answer.id],
  );
  if (row === undefined || (whom !== undefined && whom.userId !== row.user_id)) return null;
  let used = '';
  const verified = await verifyAuthenticationResponse({
    response: answer as unknown as AuthenticationResponseJSON, // read and checked part by part by the verifier
    expectedChallenge: (challenge) => { used = challenge; return challenges.fits(tenant, whom === undefined ? 'sign-in' : `factor|${whom.sessionId}`, challenge); },
    expectedOrigin: rp.origin, expectedRPID: rp.id, requireUserVerification: true,
    credential: { ...credentialOf(row), publicKey: Uint8Array.from(Buffer.from(row.public_key, 'base64url')), counter: row.counter },
  }).catch(() => undefined);
  if (verified?.verified !== true || !await challenges.use(tx, tenant, used)) return null;
  const { newCounter, credentialBackedUp } = verified.authenticationInfo;
  await tx.query('update passkey set counter = $3, backed_up = $4, last_used_at = $5 where tenant = $1 and id = $2', [tenant, row.id, newCounter, credentialBackedUp, now]);
  return { userId: row.user_id, passkeyId: row.id };
}
