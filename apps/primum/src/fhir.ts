import { join } from 'node:path';
import { createSearchIndex, createValidator, loadStayRules, type CodeTable, type SearchIndex, type StayRules, type Validator, type WriteDeps } from '@primum/record';
import { tenant, type Core } from './core.ts';

/** What FHIR stands on beside the core. */
export type Fhir = { search: SearchIndex; codes: CodeTable; validator: Validator; /** fhir/stays.json, with the home's own over it. */ stayRules: StayRules };

export function openFhir(core: Pick<Core, 'keys' | 'home'>, codes: CodeTable): Fhir {
  return { codes, search: createSearchIndex(core, tenant), validator: createValidator(), stayRules: loadStayRules(join(core.home, 'stays.json')) };
}

export function writeDepsOf(core: Core, { search, codes, stayRules }: Fhir): WriteDeps {
  const { db, keys, audit, policy, clock } = core;
  return { db, keys, audit, policy, clock, search, codes, stayRules };
}
