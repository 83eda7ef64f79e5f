import { Type } from 'typebox';
import { Uuid } from '../common.ts';
import {
  AccountView, ChangePasswordRequest, FactorAdded, GroupParams, GroupUnits, NewUser, OneTimePassword, OwnRecord, RecoveryCodes, TotpCode, TotpSecret, UserChange, UserRow, UsersPage,
} from '../identity.ts';
import type { Route } from '../route.ts';
import { FactorRequest, SessionView, WebAuthnAnswer } from '../session.ts';

const byId = Type.Object({ id: Uuid });
/** Options for `navigator.credentials`, in WebAuthn's own JSON form (level 3, section 5.1.8 and 5.1.9). */
const WebAuthnOptions = Type.Record(Type.String(), Type.Unknown());
const passkey = Type.Object({ passkey: WebAuthnAnswer }, { additionalProperties: false });
/** Whoever has a factor can't add another before giving it. */
const enrolling = ['enrolment', 'full'] as const;

/** People, groups, second factors, sessions. */
export const identityRoutes = {
  passkeySignInOptions: { method: 'POST', path: '/api/session/passkey/options', needs: 'public', response: WebAuthnOptions },
  passkeySignIn: { method: 'POST', path: '/api/session/passkey', needs: 'public', body: passkey, response: SessionView },
  factorOptions: { method: 'POST', path: '/api/session/factor/options', needs: 'session', states: ['second-factor', 'full'], response: WebAuthnOptions },
  giveFactor: { method: 'PUT', path: '/api/session/factor', needs: 'session', states: ['second-factor', 'full'], body: FactorRequest, response: SessionView },

  account: { method: 'GET', path: '/api/account', needs: 'session', states: enrolling, response: AccountView },
  changePassword: { method: 'PUT', path: '/api/account/password', needs: 'session', states: ['password-change', 'full'], body: ChangePasswordRequest, response: SessionView },
  beginTotp: { method: 'POST', path: '/api/account/totp', needs: 'session', states: enrolling, freshFactor: true, response: TotpSecret },
  confirmTotp: { method: 'PUT', path: '/api/account/totp', needs: 'session', states: enrolling, freshFactor: true, body: TotpCode, response: FactorAdded },
  removeTotp: { method: 'DELETE', path: '/api/account/totp', needs: 'session', freshFactor: true },
  passkeyOptions: { method: 'POST', path: '/api/account/passkeys/options', needs: 'session', states: enrolling, freshFactor: true, response: WebAuthnOptions },
  addPasskey: { method: 'POST', path: '/api/account/passkeys', needs: 'session', states: enrolling, freshFactor: true, body: passkey, response: FactorAdded },
  removePasskey: { method: 'DELETE', path: '/api/account/passkeys/:id', needs: 'session', freshFactor: true, params: byId },
  newRecoveryCodes: { method: 'POST', path: '/api/account/recovery-codes', needs: 'session', freshFactor: true, response: RecoveryCodes },
  endOwnSession: { method: 'DELETE', path: '/api/account/sessions/:id', needs: 'session', freshFactor: true, params: byId },

  users: { method: 'GET', path: '/api/users', needs: 'user.manage', response: UsersPage },
  createUser: { method: 'POST', path: '/api/users', needs: 'user.manage', freshFactor: true, body: NewUser, response: OneTimePassword },
  changeUser: { method: 'PUT', path: '/api/users/:id', needs: 'user.manage', freshFactor: true, params: byId, body: UserChange, response: UserRow },
  resetPassword: { method: 'POST', path: '/api/users/:id/password', needs: 'user.manage', freshFactor: true, params: byId, response: OneTimePassword },
  resetFactors: { method: 'DELETE', path: '/api/users/:id/factors', needs: 'user.manage', freshFactor: true, params: byId },
  unlockUser: { method: 'POST', path: '/api/users/:id/unlock', needs: 'user.manage', freshFactor: true, params: byId },
  endSessions: { method: 'DELETE', path: '/api/users/:id/sessions', needs: 'user.manage', params: byId },
  linkOwnRecord: { method: 'PUT', path: '/api/users/:id/own-record', needs: 'user.manage', freshFactor: true, params: byId, body: OwnRecord },
  setGroupUnits: { method: 'PUT', path: '/api/groups/:name/units', needs: 'user.manage', freshFactor: true, params: GroupParams, body: GroupUnits },
} as const satisfies Record<string, Route>;
