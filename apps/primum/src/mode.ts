import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { modes, type Mode } from '@primum/contract';

/**
 * The mode of a home, settled at its first start and written beside its data: a demonstration's seeded people and
 * simulated patients never stand in a production record, and a production home never starts with passwords that were
 * printed for everyone. `wanted`: as the command line or PRIMUM_MODE says; nothing: as it is, or a demonstration.
 */
export function modeOf(home: string, wanted: Mode | undefined): Mode {
  const stored = storedMode(home);
  if (stored !== undefined && wanted !== undefined && stored !== wanted) throw new PrimumError('config.mode', `it is a ${stored} home`);
  return stored ?? wanted ?? 'demonstration';
}

export function settleMode(home: string, mode: Mode): void {
  if (storedMode(home) === undefined) writeFileSync(pathOf(home), `${mode}\n`, { mode: 0o600 });
}

export function wantedMode(env: NodeJS.ProcessEnv, production: boolean): Mode | undefined {
  if (production) return 'production';
  const given = env['PRIMUM_MODE'];
  if (given === undefined || given === '') return undefined;
  const mode = modes.find((one) => one === given);
  if (mode === undefined) throw new PrimumError('config.invalid', `PRIMUM_MODE is ${modes.join(' or ')}`);
  return mode;
}

const pathOf = (home: string): string => join(home, 'mode');

function storedMode(home: string): Mode | undefined {
  let text: string;
  try {
    text = readFileSync(pathOf(home), 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const mode = modes.find((one) => one === text);
  // Unreadable is not a demonstration: it must not open what may be a production record.
  if (mode === undefined) throw new PrimumError('config.invalid', 'the file mode in the data directory');
  return mode;
}
