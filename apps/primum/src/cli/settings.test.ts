import { userInfo } from 'node:os';
import { expect, it } from 'vitest';
import { osUser } from './settings.ts';

it('the audit log names who runs a command, not who they say they are', () => {
  expect(osUser({ USER: 'somebody-else', LOGNAME: 'somebody-else' })).toBe(userInfo().username);
  expect(osUser({ SUDO_USER: 'x\ny' })).toBe(userInfo().username);
});
