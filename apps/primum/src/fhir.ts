import { join } from 'node:path';
import { createSearchIndex, createValidator, createWriteGroups, loadStayRules, type CodeTable, type SearchIndex, type StayRules, type Validator, type WriteDeps, type WriteGroups } from '@primum/record';
import { tenant, type Core } from './core.ts';
import { createConformance, type Conformance } from './http/fhir/conformance.ts';

/** What FHIR stands on beside the core. */
export type Fhir = { search: SearchIndex; codes: CodeTable; validator: Validator; conformance: Conformance; /** fhir/stays.json, with the home's own over it. */ stayRules: StayRules; groups: WriteGroups };

export function openFhir(core: Core, codes: CodeTable): Fhir {
  const conformance = createConformance(core);
  const validator = createValidator({ codes: conformance.codes });
  conformance.useProfiles(validator);
  return { codes, search: createSearchIndex(core, tenant), validator, conformance, stayRules: loadStayRules(join(core.home, 'stays.json')), groups: createWriteGroups() };
}

export function writeDepsOf(core: Core, { search, codes, stayRules, groups }: Fhir): WriteDeps {
  const { db, keys, audit, policy, clock } = core;
  return { db, keys, audit, policy, clock, search, codes, stayRules, groups };
}
