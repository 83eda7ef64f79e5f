import { expect, it } from 'vitest';
import { databaseError } from './errors.ts';

const failing = (code: string): Error => Object.assign(new Error('Key (name)=(Winter) already exists'), { code, table: 'patient' });

it.each([
  ['40P01', 'store.conflict'], ['57014', 'store.timeout'], ['57P01', 'store.unreachable'], ['08006', 'store.unreachable'], ['ENOSPC', 'store.disk-full'],
  ['ECONNRESET', 'store.unreachable'], ['EHOSTUNREACH', 'store.unreachable'], ['ENETDOWN', 'store.unreachable'], ['EAI_AGAIN', 'store.unreachable'],
  ['23505', 'internal.bug'], ['XX000', 'internal.bug'], ['ERR_INVALID_ARG_TYPE', 'internal.bug'],
])('%s is %s, and says no value', (code, ours) => {
  const error = databaseError(failing(code));
  expect({ code: error.code, value: JSON.stringify([error.message, error.cause]).includes('Winter') }).toEqual({ code: ours, value: false });
});
