import { Type } from 'typebox';
import { roles } from '../roles.ts';
import { Instant, Nullable, OneOf, Text, Uuid } from './common.ts';
import { Password, SessionView } from './session.ts';

export const PasskeyView = Type.Object({
  id: Uuid,
  createdAt: Instant,
  lastUsedAt: Nullable(Instant),
  /** May live on several devices (a synced passkey), and does. */
  multiDevice: Type.Boolean(),
  backedUp: Type.Boolean(),
});
export type PasskeyView = Type.Static<typeof PasskeyView>;

export const OwnSession = Type.Object({
  id: Uuid,
  current: Type.Boolean(),
  startedAt: Instant,
  lastSeenAt: Instant,
  method: Type.String(),
  /** Of its last sign-in step. */
  address: Type.String(),
  browser: Type.String(),
});
export type OwnSession = Type.Static<typeof OwnSession>;

export const AccountView = Type.Object({
  username: Type.String(),
  displayName: Type.String(),
  totp: Type.Boolean(),
  passkeys: Type.Array(PasskeyView),
  recoveryCodesLeft: Type.Integer(),
  /** Without one nobody with this role gets in. */
  factorRequired: Type.Boolean(),
  passwordChangedAt: Nullable(Instant),
  sessions: Type.Array(OwnSession),
});
export type AccountView = Type.Static<typeof AccountView>;

export const ChangePasswordRequest = Type.Object({ current: Password, next: Password }, { additionalProperties: false });
export type ChangePasswordRequest = Type.Static<typeof ChangePasswordRequest>;

/** The secret in base 32 (RFC 4648) and as an `otpauth:` address for a QR code; shown once. */
export const TotpSecret = Type.Object({ secret: Type.String(), uri: Type.String() });
export const TotpCode = Type.Object({ code: Text(12, 6) }, { additionalProperties: false });
/** Recovery codes come with the first factor only, once. */
export const FactorAdded = Type.Object({ session: SessionView, recoveryCodes: Nullable(Type.Array(Type.String())) });
export type FactorAdded = Type.Static<typeof FactorAdded>;
export const RecoveryCodes = Type.Object({ recoveryCodes: Type.Array(Type.String()) });

const Unit = Type.String({ pattern: '^(\\*|[^\\s/*]{1,64}(/[^\\s/*]{1,64})?)$' });
const Units = Type.Array(Unit, { maxItems: 100, uniqueItems: true });
const GroupName = Type.String({ pattern: '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$' });
const Groups = Type.Array(GroupName, { maxItems: 50, uniqueItems: true });
const Username = Type.String({ pattern: '^[\\p{L}\\p{N}][\\p{L}\\p{N}._@+-]{1,99}$' });

export const UserRow = Type.Object({
  id: Uuid,
  username: Type.String(),
  displayName: Type.String(),
  role: OneOf(roles),
  groups: Type.Array(Type.String()),
  /** Units of this person alone; those of the groups come on top. */
  units: Type.Array(Type.String()),
  disabled: Type.Boolean(),
  lockedUntil: Nullable(Instant),
  mustChangePassword: Type.Boolean(),
  /** Signs in at another issuer. */
  external: Type.Boolean(),
  totp: Type.Boolean(),
  passkeys: Type.Integer(),
  sessions: Type.Integer(),
  lastSeenAt: Nullable(Instant),
  /** Known to be a patient here: reading that record is looked at more closely. */
  ownRecord: Type.Boolean(),
});
export type UserRow = Type.Static<typeof UserRow>;
export const GroupRow = Type.Object({ name: Type.String(), units: Type.Array(Type.String()), members: Type.Integer() });
export type GroupRow = Type.Static<typeof GroupRow>;
export const UsersPage = Type.Object({ users: Type.Array(UserRow), groups: Type.Array(GroupRow) });
export type UsersPage = Type.Static<typeof UsersPage>;

export const NewUser = Type.Object({
  username: Username, displayName: Text(200, 1), role: OneOf(roles), groups: Type.Optional(Groups), units: Type.Optional(Units),
}, { additionalProperties: false });
export type NewUser = Type.Static<typeof NewUser>;
export const UserChange = Type.Object({
  displayName: Type.Optional(Text(200, 1)), role: Type.Optional(OneOf(roles)), groups: Type.Optional(Groups), units: Type.Optional(Units), disabled: Type.Optional(Type.Boolean()),
}, { additionalProperties: false, minProperties: 1 });
export type UserChange = Type.Static<typeof UserChange>;
/** A password that its owner must change at the first use; shown once. */
export const OneTimePassword = Type.Object({ id: Uuid, username: Type.String(), password: Type.String() });
export const GroupUnits = Type.Object({ units: Units }, { additionalProperties: false });
export const GroupParams = Type.Object({ name: GroupName });
/** The medical record number of a member of staff, as PID-3 gives it; null takes the link away. */
export const OwnRecord = Type.Object({ mrn: Nullable(Type.Object({ authority: Text(100), value: Text(100, 1) }, { additionalProperties: false })) }, { additionalProperties: false });
export type OwnRecord = Type.Static<typeof OwnRecord>;
