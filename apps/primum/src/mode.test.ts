import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { modeOf, settleMode, wantedMode } from './mode.ts';

const homes: string[] = [];
const newHome = (): string => {
  const home = mkdtempSync(join(tmpdir(), 'primum-mode-'));
  homes.push(home);
  return home;
};
afterAll(() => homes.forEach((home) => rmSync(home, { recursive: true })));

it('is a demonstration unless asked otherwise, and stays what it was at the first start', () => {
  const [demonstration, production] = [newHome(), newHome()];
  expect(modeOf(demonstration, undefined)).toBe('demonstration');
  settleMode(demonstration, modeOf(demonstration, undefined));
  settleMode(production, modeOf(production, 'production'));
  expect(modeOf(production, undefined)).toBe('production');
  for (const [home, other] of [[demonstration, 'production'], [production, 'demonstration']] as const) {
    expect(() => modeOf(home, other)).toThrowError(expect.objectContaining({ code: 'config.mode' }));
    settleMode(home, other);
    expect(() => modeOf(home, other)).toThrowError(expect.objectContaining({ code: 'config.mode' }));
  }
});

it('is never guessed from a file that says something else', () => {
  const home = newHome();
  writeFileSync(join(home, 'mode'), '');
  expect(() => modeOf(home, undefined)).toThrowError(expect.objectContaining({ code: 'config.invalid' }));
});

it('comes from the flag before the environment, which may say one of two words', () => {
  expect(wantedMode({ PRIMUM_MODE: 'demonstration' }, true)).toBe('production');
  expect(wantedMode({ PRIMUM_MODE: 'production' }, false)).toBe('production');
  expect(wantedMode({}, false)).toBeUndefined();
  expect(() => wantedMode({ PRIMUM_MODE: 'prod' }, false)).toThrowError(expect.objectContaining({ code: 'config.invalid' }));
});
