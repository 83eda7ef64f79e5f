import { purposes, roles, type Purpose } from '@primum/contract';
import { PrimumError } from '@primum/base';
import { authorities, mintSystemPrincipal, type Authority, type Principal } from '../access/principal.ts';
import type { PatientFacts, Policy } from './policy.ts';

/** Somebody who asks, as the table names them: each role once, with a unit and a second factor. */
export const askers: Readonly<Record<string, Principal>> = {
  ...Object.fromEntries(roles.map((role) => [role, { kind: 'user', userId: 'asking', username: role, role, careUnits: ['A'], mfa: true } satisfies Principal])),
  'clinician-without-factor': { kind: 'user', userId: 'asking', username: 'clinician', role: 'clinician', careUnits: ['A'], mfa: false },
  'system:ingest': mintSystemPrincipal('ingest'),
  'system:serving': mintSystemPrincipal('serving'),
  'system:replay': mintSystemPrincipal('replay'),
  client: { kind: 'client', clientId: 'any', scopes: ['system/*.cruds'], purposes },
};

const plain: PatientFacts = { patientId: 'p', rootId: 'p', careUnits: ['*', 'A'], restricted: false, aiOptOut: false, researchOptOut: false, vip: false, emergencyFor: [] };

/** Kinds of patients that decisions differ for. */
export const patientKinds = {
  none: undefined,
  treated: plain,
  elsewhere: { ...plain, careUnits: ['*', 'B'] },
  emergency: { ...plain, careUnits: ['*', 'B'], emergencyFor: ['asking'] },
  restricted: { ...plain, restricted: true },
  'ai-opt-out': { ...plain, aiOptOut: true },
  'research-opt-out': { ...plain, researchOptOut: true },
} as const satisfies Record<string, PatientFacts | undefined>;
export type PatientKind = keyof typeof patientKinds;

export type Surprise = { principal: string; purpose: Purpose; patient: PatientKind; authority: Authority; allowed: boolean; by: readonly string[] };

/** Each decision of the policies that the table does not say. Throws policy.invalid where the table can't be read. */
export function surprises(policy: Policy, table: string): { decided: number; surprises: Surprise[] } {
  const expected = readTable(table);
  const found: Surprise[] = [];
  let decided = 0;
  for (const [principal, asker] of Object.entries(askers)) {
    for (const purpose of purposes) {
      for (const patient of Object.keys(patientKinds) as PatientKind[]) { // its own keys
        const subject = patientKinds[patient];
        for (const authority of authorities) {
          const { allowed, by } = policy.decide({ tenant: 1, principal: asker, authority, purpose, ...(subject === undefined ? {} : { subject }) });
          decided += 1;
          if (allowed !== expected.has(`${principal} ${purpose} ${patient} ${authority}`)) found.push({ principal, purpose, patient, authority, allowed, by });
        }
      }
    }
  }
  return { decided, surprises: found };
}

function readTable(table: string): Set<string> {
  const allowed = new Set<string>();
  const rows = table.split('\n').map((line, index) => ({ cells: line.trim().split(','), line: index + 1 }))
    .filter(({ cells: [first = ''] }) => first !== '' && !first.startsWith('#') && first !== 'principal');
  for (const { cells, line } of rows) {
    const [who, purpose, patient, what] = [Object.keys(askers), purposes, Object.keys(patientKinds), authorities].map((known, column) => wordsOf(cells[column], known, line));
    for (const a of who ?? []) for (const b of purpose ?? []) for (const c of patient ?? []) for (const d of what ?? []) allowed.add(`${a} ${b} ${c} ${d}`);
  }
  return allowed;
}

function wordsOf(cell: string | undefined, known: readonly string[], line: number): readonly string[] {
  if (cell === '*') return known;
  const words = (cell ?? '').split(' ').filter((word) => word !== '');
  const unknown = words.find((word) => !known.includes(word));
  if (unknown !== undefined || words.length === 0) throw new PrimumError('policy.invalid', `decisions.csv:${line}: ${unknown ?? 'an empty cell'}`);
  return words;
}
