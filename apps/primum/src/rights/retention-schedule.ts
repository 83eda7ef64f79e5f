import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { parseRetentionSchedule, type RetentionSchedule } from '@primum/trust';

const shipped = join(import.meta.dirname, '..', '..', '..', '..', 'policies', 'retention.json');

/** The home's own `retention.json` where there is one, else the shipped schedule; read anew each time. */
export function retentionScheduleOf(home: string): RetentionSchedule {
  const own = join(home, 'retention.json');
  const file = existsSync(own) ? own : shipped;
  try {
    return parseRetentionSchedule(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw error instanceof PrimumError ? error : new PrimumError('rights.retention-invalid', 'the file cannot be read as JSON', { cause: error });
  }
}
