import { isAuthorizedPartial, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { assert, PrimumError } from '@primum/base';
import { permissions, usualPurpose, type Permission } from '@primum/contract';
import type { Sql } from '@primum/store';
import type { Authority, Principal, Purpose } from '../access/principal.ts';
import { entityOf, resourceOf } from './cedar-request.ts';
import { loadPolicies, type LoadedPolicies, type LoadedPolicy } from './load-policies.ts';
import { letsPassAll, refusesUntreated, residualOf, toSql, type FilterPlace, type Residual, type RowFilter } from './row-filter.ts';
import { withinScopes } from './within-scopes.ts';

/**
 * What a policy may ask about a patient: in clear, never null, of the whole group of merged records. `careUnits` are the
 * units that treat this patient now, from widest to narrowest (`*`, `SITE`, `SITE/WARD`); empty where nobody does.
 */
export type PatientFacts = {
  patientId: string;
  /** The survivor of the merges. */
  rootId: string;
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

export type PolicyRequest = {
  tenant: number; principal: Principal; authority: Authority; purpose: Purpose;
  /** Absent: may this be done at all, before a patient is named? */
  subject?: PatientFacts;
  /** Of FHIR, where an app's scopes name types. */
  resourceType?: string;
};

export type Decision = {
  allowed: boolean;
  /** Ids of the policies that decided: permits where it is allowed, forbids where it is not, none where nothing permits. */
  by: readonly string[];
  /** What goes on the log as the purpose: a permit may say so (`@purpose`), else as asked. */
  purpose: Purpose;
};

/** Decides per request, by default no. Pure: the same request gets the same answer while `epoch` stands. */
export type Policy = {
  /** Digest of the policies in force. */
  readonly epoch: string;
  readonly policies: readonly Pick<LoadedPolicy, 'id' | 'effect' | 'place' | 'comment' | 'text'>[];
  decide(request: PolicyRequest): Decision;
  factsOf(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<readonly PatientFacts[]>;
  /** The same decision for every row of `patient_facts` at once, as a condition in SQL. */
  filter(request: Omit<PolicyRequest, 'subject'>, place: FilterPlace): RowFilter;
  /** Whether it is allowed for the purpose asked whoever the patient is, so that nothing need be known of one. */
  allowsWhoever(request: Omit<PolicyRequest, 'subject'>): boolean;
};

/** How trust is told about patients; whoever owns the record hands it in. */
export type ReadPatientFacts = Policy['factsOf'];

export type PolicyOptions = {
  readPatientFacts: ReadPatientFacts;
  /** Folders of policies beside those that ship. */
  folders?: readonly string[];
  /** Seeded people and a simulated ward: no second factor is asked for. */
  demonstration: boolean;
  /** In the place of what stands in the folders. */
  loaded?: LoadedPolicies;
};

const maxKept = 20_000;

/**
 * Cedar policies, loaded and validated. A decision is a function of the principal's attributes, the patient's and the
 * context, so it is kept by exactly these: no time bound is needed, and who loses a role or a unit asks another question.
 */
export function createPolicy({ readPatientFacts, folders = [], demonstration, loaded = loadPolicies(folders) }: PolicyOptions): Policy {
  const { epoch, policies, set, schema } = loaded;
  const decided = new Map<string, Omit<Decision, 'purpose'> & { purpose?: Purpose }>();
  const residuals = new Map<string, Residual & { whoever: boolean }>();

  const decide: Policy['decide'] = ({ principal, authority, purpose, subject, resourceType }) => {
    if (principal.kind === 'client' && !principal.purposes.includes(purpose)) return { allowed: false, by: ['registered-purposes'], purpose };
    if (!withinScopes(principal, { authority, subject, resourceType })) return { allowed: false, by: ['scopes'], purpose };
    const asking = entityOf(principal);
    const resource = resourceOf(principal, subject);
    const key = `${authority}\n${purpose}\n${asking.key}\n${resource.key}`;
    const known = decided.get(key) ?? keep(decided, key, () => {
      const answer = statefulIsAuthorized({
        principal: asking.uid, action: { type: 'Action', id: authority }, resource: resource.uid, context: { purpose, demonstration },
        // The schema says which groups an action is in; without it `action in` would be false.
        preparsedPolicySetId: epoch, preparsedSchemaName: epoch, validateRequest: false, entities: [...asking.entities, ...resource.entities],
      });
      if (answer.type === 'failure') throw new PrimumError('internal.bug', 'a request that Cedar does not take');
      const { decision, diagnostics: { reason, errors } } = answer.response;
      assert(errors.length === 0, 'a policy errs; strict validation lets none pass that could');
      const allowed = decision === 'allow';
      const says = reason.map((id) => policies.get(id)?.purpose);
      return { allowed, by: reason.toSorted(), ...(allowed && says[0] !== undefined && says.every((said) => said === says[0]) ? { purpose: says[0] } : {}) };
    });
    return { purpose, ...known };
  };

  const left = ({ principal, authority, purpose }: Omit<PolicyRequest, 'subject'>): Residual & { whoever: boolean } => {
    const asking = entityOf(principal);
    const key = `${authority}\n${purpose}\n${asking.key}`;
    return residuals.get(key) ?? keep(residuals, key, () => {
      const answer = isAuthorizedPartial({
        principal: asking.uid, action: { type: 'Action', id: authority }, resource: null, context: { purpose, demonstration },
        policies: { staticPolicies: set }, schema, validateRequest: false, entities: asking.entities,
      });
      if (answer.type === 'failure') throw new PrimumError('internal.bug', 'a request that Cedar does not take');
      const residual = residualOf(answer.response);
      return { ...residual, whoever: letsPassAll(residual, (id) => policies.get(id)?.purpose !== undefined) };
    });
  };

  const filter: Policy['filter'] = (request, place) => {
    const { principal, authority, purpose, resourceType } = request;
    if (principal.kind === 'client' && !principal.purposes.includes(purpose)) return { sql: 'false', values: [] };
    if (!withinScopes(principal, { authority, resourceType })) return { sql: 'false', values: [] };
    const residual = left(request);
    const { sql, values } = toSql(residual, place, principal.kind === 'user' ? principal.userId : null);
    const treatedOnly = refusesUntreated(residual) ? { treatedOnly: true as const } : {};
    const bound = principal.kind === 'user' ? principal.via?.patientId : undefined;
    if (bound === undefined) return { sql, values, ...treatedOnly };
    return { ...treatedOnly, sql: `(${sql}) and $${place.from + values.length}::uuid in (${place.alias}.patient_id, ${place.alias}.root_id)`, values: [...values, bound] };
  };

  const allowsWhoever: Policy['allowsWhoever'] = (request) => {
    const { principal, authority, purpose, resourceType } = request;
    if (principal.kind === 'client' && !principal.purposes.includes(purpose)) return false;
    if (principal.kind === 'user' && principal.via?.patientId !== undefined) return false;
    return withinScopes(principal, { authority, resourceType }) && left(request).whoever;
  };

  return {
    epoch, decide, filter, allowsWhoever,
    policies: [...policies.values()].map(({ id, effect, place, comment, text }) => ({ id, effect, place, comment, text })),
    factsOf: readPatientFacts,
  };
}

/** What this principal may do at all, for the purpose that each permission usually serves; what a console shows. */
export function permittedTo(policy: Policy, tenant: number, principal: Principal): Permission[] {
  return permissions.filter((authority) => policy.decide({ tenant, principal, authority, purpose: usualPurpose[authority] }).allowed);
}

/** Bounded by starting afresh: what is asked often is decided again once. */
function keep<T>(kept: Map<string, T>, key: string, make: () => T): T {
  if (kept.size >= maxKept) kept.clear();
  const made = make();
  kept.set(key, made);
  return made;
}
