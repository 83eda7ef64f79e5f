import type { Sql } from '@primum/store';
import { principalAllows, type Authority, type Principal, type Purpose } from '../access/principal.ts';

/**
 * What a policy may ask about a patient: in clear, never null, of the whole group of merged records. `careUnits` are the
 * units that treat this patient now, from widest to narrowest (`*`, `SITE`, `SITE/WARD`); empty where nobody does.
 */
export type PatientFacts = {
  patientId: string;
  careUnits: readonly string[];
  /** GDPR Article 18: kept, and used for treatment only. */
  restricted: boolean;
  aiOptOut: boolean;
  researchOptOut: boolean;
  /** Access is looked at more closely. */
  vip: boolean;
  /** User ids with an emergency access that is open now. */
  emergencyFor: readonly string[];
};

export type PolicyRequest = { tenant: number; principal: Principal; authority: Authority; purpose: Purpose; subject?: PatientFacts };
export type Decision = { allowed: boolean; /** Ids of the policies that decided. */ by: readonly string[] };

/** Decides per request, by default no. Pure: the same request gets the same answer while `epoch` stands. */
export type Policy = {
  /** Digest of the policies in force. */
  readonly epoch: string;
  decide(request: PolicyRequest): Decision;
  factsOf(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<readonly PatientFacts[]>;
};

/** How trust is told about patients; whoever owns the record hands it in. */
export type ReadPatientFacts = Policy['factsOf'];

export function createPolicy(deps: { readPatientFacts: ReadPatientFacts }): Policy {
  return {
    epoch: 'roles',
    decide: ({ principal, authority }) => ({ allowed: principalAllows(principal, authority), by: ['roles'] }),
    factsOf: deps.readPatientFacts,
  };
}
