import { createSearchIndex, createValidator, type CodeTable, type SearchIndex, type Validator, type WriteDeps } from '@primum/record';
import { tenant, type Core } from './core.ts';

/** What FHIR stands on beside the core. */
export type Fhir = { search: SearchIndex; codes: CodeTable; validator: Validator };

export function openFhir(core: Pick<Core, 'keys'>, codes: CodeTable): Fhir {
  return { codes, search: createSearchIndex(core, tenant), validator: createValidator() };
}

export function writeDepsOf(core: Core, { search, codes }: Fhir): WriteDeps {
  const { db, keys, audit, policy, clock } = core;
  return { db, keys, audit, policy, clock, search, codes };
}
