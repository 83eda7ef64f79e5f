import type { ChangePasswordRequest, FactorAdded, identityRoutes, NewUser, OwnRecord, UserChange, WebAuthnAnswer } from '@primum/contract';
import { identityTokens } from '@primum/ingest';
import { tenant } from '../../core.ts';
import { callerOf, sessionOf, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';
import { answerSignIn, clientOf, relyingPartyOf, sessionOperations, sessionView, setToken, tokenOf } from './session.ts';

/** Bodies are cast to what the route's schema has made sure of. */
export function identityOperations({ core }: HandlerDeps): Record<keyof typeof identityRoutes, Handler> {
  const { identity } = core;
  const { passkeySignInOptions, passkeySignIn, factorOptions, giveFactor } = sessionOperations(core);
  type Added = Awaited<ReturnType<typeof identity.confirmTotp>>;
  const answerAdded = (call: Call, { token, session, recoveryCodes }: Added): FactorAdded => {
    setToken(call.reply, call.request, token);
    return { session: sessionView(core, session), recoveryCodes };
  };

  return {
    passkeySignInOptions, passkeySignIn, factorOptions, giveFactor,

    account: (call) => identity.account(sessionOf(call)),
    changePassword: async (call) => answerSignIn(core, call, await identity.changePassword(sessionOf(call), tokenOf(call), call.body as ChangePasswordRequest, clientOf(call))),
    beginTotp: (call) => identity.beginTotp(sessionOf(call)),
    confirmTotp: async (call) => answerAdded(call, await identity.confirmTotp(sessionOf(call), tokenOf(call), (call.body as { code: string }).code, clientOf(call))),
    removeTotp: (call) => identity.removeTotp(sessionOf(call)),
    passkeyOptions: (call) => identity.passkeyRegistration(sessionOf(call), relyingPartyOf(call)),
    addPasskey: async (call) => answerAdded(call, await identity.addPasskey(sessionOf(call), tokenOf(call), relyingPartyOf(call), (call.body as { passkey: WebAuthnAnswer }).passkey, clientOf(call))),
    removePasskey: (call) => identity.removePasskey(sessionOf(call), textOf(call.params, 'id')),
    newRecoveryCodes: async (call) => ({ recoveryCodes: await identity.newRecoveryCodes(sessionOf(call)) }),
    endOwnSession: (call) => identity.endOwnSession(sessionOf(call), textOf(call.params, 'id')),

    users: (call) => identity.users(tenant, callerOf(call)),
    createUser: (call) => identity.createUser(tenant, callerOf(call), call.body as NewUser),
    changeUser: (call) => identity.changeUser(tenant, callerOf(call), textOf(call.params, 'id'), call.body as UserChange),
    resetPassword: (call) => identity.resetPasswordOf(tenant, callerOf(call), textOf(call.params, 'id')),
    resetFactors: (call) => identity.resetFactors(tenant, callerOf(call), textOf(call.params, 'id')),
    unlockUser: (call) => identity.unlockUser(tenant, callerOf(call), textOf(call.params, 'id')),
    endSessions: (call) => identity.endSessions(tenant, callerOf(call), textOf(call.params, 'id')),
    linkOwnRecord: (call) => {
      const { mrn } = call.body as OwnRecord;
      const [token] = mrn === null ? [] : identityTokens(core.keys, tenant, [{ ...mrn, type: 'MR' }]);
      return identity.linkOwnRecord(tenant, callerOf(call), textOf(call.params, 'id'), token === undefined ? null : Buffer.from(token, 'hex'));
    },
    setGroupUnits: (call) => identity.setGroupUnits(tenant, callerOf(call), textOf(call.params, 'name'), (call.body as { units: string[] }).units),
  };
}
