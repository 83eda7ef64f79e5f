import { Type } from 'typebox';
import { purposes } from '../roles.ts';
import { Instant, Nullable, OneOf, Text, Uuid } from './common.ts';

export const clientKinds = ['app', 'service'] as const;
const ClientId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });
const Address = Text(500, 1);
/** A JWK set (RFC 7517) of public keys: their members are texts, lists of texts (`key_ops`, `x5c`) and `ext`. */
const JwkMember = Type.Union([Text(8_000), Type.Array(Text(8_000), { maxItems: 10 }), Type.Boolean()]);
const Jwks = Type.Object({ keys: Type.Array(Type.Record(Type.String(), JwkMember), { minItems: 1, maxItems: 10 }) }, { additionalProperties: false });

/** An app (acts for a person) or a service account (acts for itself). */
export const ClientRow = Type.Object({
  id: Type.String(),
  name: Type.String(),
  kind: OneOf(clientKinds),
  redirectUris: Type.Array(Type.String()),
  launchUrl: Nullable(Type.String()),
  scopes: Type.Array(Type.String()),
  /** What a service account was registered for; empty of an app. */
  purposes: Type.Array(Type.String()),
  /** How it proves who it is. */
  proof: OneOf(['none', 'keys', 'keys-at-address', 'certificate'] as const),
  createdAt: Instant,
  disabledAt: Nullable(Instant),
});
export type ClientRow = Type.Static<typeof ClientRow>;

export const NewClient = Type.Object({
  id: ClientId,
  name: Text(100, 1),
  kind: OneOf(clientKinds),
  scopes: Type.Array(Text(120, 1), { minItems: 1, maxItems: 50 }),
  /** Of a service account, TREAT where none is said. */
  purposes: Type.Optional(Type.Array(OneOf(purposes), { minItems: 1, maxItems: 10 })),
  redirectUris: Type.Optional(Type.Array(Address, { maxItems: 10 })),
  launchUrl: Type.Optional(Address),
  jwks: Type.Optional(Jwks),
  jwksUri: Type.Optional(Address),
  /** SHA-256 of the certificate's DER, as 64 hex digits. */
  certificateFingerprint: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
}, { additionalProperties: false });
export type NewClient = Type.Static<typeof NewClient>;

export const ClientParams = Type.Object({ id: ClientId });
export const ClientChange = Type.Object({ disabled: Type.Boolean() }, { additionalProperties: false });
export type ClientChange = Type.Static<typeof ClientChange>;

/** What an app asks of the person who is signed in. */
export const AuthorizationView = Type.Object({
  clientName: Type.String(),
  scopes: Type.Array(Type.Object({ scope: Type.String(), words: Type.String(), allowed: Type.Boolean() })),
  /** The stay that the app was launched for. */
  stayId: Nullable(Uuid),
  choosesPatient: Type.Boolean(),
});
export type AuthorizationView = Type.Static<typeof AuthorizationView>;
export const AuthorizationParams = Type.Object({ uid: Type.String({ pattern: '^[A-Za-z0-9_-]{20,64}$' }) });
export const AuthorizationDecision = Type.Object({
  allow: Type.Boolean(),
  scopes: Type.Array(Text(120, 1), { maxItems: 100 }),
  stayId: Type.Optional(Uuid),
}, { additionalProperties: false });
export type AuthorizationDecision = Type.Static<typeof AuthorizationDecision>;
/** Where the browser goes on. */
export const GoOn = Type.Object({ url: Type.String() });

export const LaunchableApp = Type.Object({ id: Type.String(), name: Type.String() });
export type LaunchableApp = Type.Static<typeof LaunchableApp>;
export const LaunchRequest = Type.Object({ clientId: ClientId, stayId: Uuid }, { additionalProperties: false });
export type LaunchRequest = Type.Static<typeof LaunchRequest>;

export const GrantRow = Type.Object({ id: Uuid, clientId: Type.String(), scopes: Type.Array(Type.String()), patientId: Nullable(Uuid), createdAt: Instant, expiresAt: Instant });
export type GrantRow = Type.Static<typeof GrantRow>;

export const ExternalIssuer = Type.Object({ name: Nullable(Type.String()) });
