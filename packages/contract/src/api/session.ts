import { Type } from 'typebox';
import { sessionStates } from '../lifecycles.ts';
import { roles } from '../roles.ts';
import { Instant, OneOf, Text, Uuid } from './common.ts';

/** A home is one or the other for ever: seeded people and a simulated ward, or neither. */
export const modes = ['demonstration', 'production'] as const;
export type Mode = (typeof modes)[number];

export const Password = Text(200, 1);

export const SignInRequest = Type.Object({
  username: Text(100, 1),
  password: Password,
}, { additionalProperties: false });
export type SignInRequest = Type.Static<typeof SignInRequest>;

/** The session itself is an HttpOnly cookie; this is what the console may know of it. */
export const SessionView = Type.Object({
  userId: Uuid,
  username: Type.String(),
  displayName: Type.String(),
  role: OneOf(roles),
  permissions: Type.Array(Type.String()),
  expiresAt: Instant,
  /** What is still due before anything else is answered; `full` where nothing is. */
  state: OneOf(sessionStates),
  /** A second factor was given. */
  mfa: Type.Boolean(),
  /** Without any use for this long, the session ends and the console clears its screen. */
  idleMs: Type.Integer(),
  mode: OneOf(modes),
});
export type SessionView = Type.Static<typeof SessionView>;

/** An answer of `navigator.credentials`, as SimpleWebAuthn's browser half writes it; its bytes are checked by its server half. */
export const WebAuthnAnswer = Type.Object({
  id: Text(2_000, 1),
  rawId: Text(2_000, 1),
  type: Type.Literal('public-key'),
  response: Type.Record(Type.String(), Type.Unknown()),
  clientExtensionResults: Type.Record(Type.String(), Type.Unknown()),
  authenticatorAttachment: Type.Optional(Text(40)),
});
export type WebAuthnAnswer = Type.Static<typeof WebAuthnAnswer>;

/** One of: a code of the authenticator app, a recovery code, a passkey; the password for who has none of these. */
export const FactorRequest = Type.Object({
  code: Type.Optional(Text(12, 6)),
  recoveryCode: Type.Optional(Text(60, 1)),
  passkey: Type.Optional(WebAuthnAnswer),
  password: Type.Optional(Password),
}, { additionalProperties: false, minProperties: 1, maxProperties: 1 });
export type FactorRequest = Type.Static<typeof FactorRequest>;
