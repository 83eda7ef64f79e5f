import { Type } from 'typebox';
import { roles } from '../roles.ts';
import { Instant, OneOf, Text, Uuid } from './common.ts';

export const SignInRequest = Type.Object({
  username: Text(100, 1),
  password: Text(200, 1),
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
});
export type SessionView = Type.Static<typeof SessionView>;
