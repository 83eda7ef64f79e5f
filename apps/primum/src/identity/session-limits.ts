import { PrimumError } from '@primum/base';

const settings = [
  { name: 'PRIMUM_IDLE_MINUTES', key: 'idleMs', unitMs: 60_000, low: 1, high: 720 },
  { name: 'PRIMUM_SESSION_HOURS', key: 'absoluteMs', unitMs: 3_600_000, low: 1, high: 24 },
] as const;

/** How long a session lives without use, and at all, where the environment says so; else what the mode has. */
export function sessionLimits(env: NodeJS.ProcessEnv): { idleMs?: number; absoluteMs?: number } {
  return Object.fromEntries(settings.flatMap(({ name, key, unitMs, low, high }) => {
    const text = env[name];
    if (text === undefined || text === '') return [];
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high) throw new PrimumError('config.invalid', `${name} takes a whole number from ${low} to ${high}`);
    return [[key, value * unitMs]];
  }));
}
