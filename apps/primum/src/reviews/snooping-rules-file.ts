import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSnoopingRules, type SnoopingRules } from '@primum/trust';

/** The rules that ship. Throws config.invalid. */
export function readSnoopingRules(): SnoopingRules {
  return parseSnoopingRules(JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'policies', 'snooping.json'), 'utf8')));
}
