import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { createPolicy, loadPolicies, shippedPolicies, surprises } from '@primum/trust';
import { homeOf } from './settings.ts';

/**
 * `check` validates the policies that ship and the home's own; `test` decides everything that the table of who may do
 * what speaks of, and names each decision that differs. Both ask no database. Exit code 1: something is wrong.
 */
export async function policy(args: readonly string[]): Promise<void> {
  const { positionals: [verb], values } = parseArgs({ args: [...args], allowPositionals: true, options: { home: { type: 'string' }, table: { type: 'string' } } });
  if (verb !== 'check' && verb !== 'test') throw new PrimumError('config.usage', 'primum policy check | test [--table FILE]');
  const loaded = loadPolicies([join(homeOf(values.home), 'policies')]);
  if (verb === 'check') {
    for (const { id, effect, place } of loaded.policies.values()) console.log(`${effect.padEnd(6)}  ${id.padEnd(28)} ${place}`);
    console.log(`${loaded.policies.size} policies hold, epoch ${loaded.epoch}`);
    return;
  }
  const decider = createPolicy({ readPatientFacts: () => Promise.resolve([]), demonstration: false, loaded });
  const { decided, surprises: found } = surprises(decider, readTable(values.table ?? join(shippedPolicies, 'decisions.csv')));
  for (const { principal, purpose, patient, authority, allowed, by } of found) {
    console.log(`${principal}, ${purpose}, ${patient}: ${authority} is ${allowed ? 'allowed' : 'refused'} by ${by.join(' ') || 'default'}; the table says otherwise`);
  }
  console.log(`${decided} decisions, ${found.length} other than the table says`);
  if (found.length > 0) process.exitCode = 1;
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new PrimumError('config.usage', 'the table cannot be read');
  }
}
