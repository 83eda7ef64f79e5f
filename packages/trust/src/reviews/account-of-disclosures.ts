import { PrimumError, type Clock } from '@primum/base';
import type { Db } from '@primum/store';
import type { Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { Audit } from '../audit/audit.ts';
import type { Policy } from '../policy/policy.ts';
import type { PatientGroups } from './looks-context.ts';

export type DisclosureDeps = { db: Db; audit: Audit; clock: Clock; policy: Policy; groups: PatientGroups };

export type AccountQuery = {
  tenant: number; patientId: string;
  /** `disclosures`: what 45 CFR 164.528 has accounted for. `accesses`: whoever looked, for whatever reason. */
  kind: 'disclosures' | 'accesses';
  /** Six years back at most, which is also what stands where nothing is given. */
  from?: Date;
  to?: Date;
};

/** Uses of one person or system, of one kind and purpose, on one UTC day: 164.528(b)(3) lets repeated disclosures be summed up. */
export type AccountEntry = {
  firstAt: Date; lastAt: Date; times: number;
  /** As the audit log names them. */
  actor: string;
  /** Name of a member of staff; of a system, its own. */
  who: string; role: string | null;
  action: string; purpose: string; outcome: string;
};

export type Account = { patientId: string; kind: AccountQuery['kind']; from: Date; to: Date; entries: AccountEntry[]; /** More than fit: ask for a shorter time. */ truncated: boolean };

const sixYearsMs = 6 * 365.25 * 86_400_000;
const maxEntries = 5_000;

/** Treatment and operations (164.528(a)(1)(i)), and what the patient asked for (164.528(a)(1)(ii)), need not be accounted for. */
const notAccounted = ['TREAT', 'BTG', 'HOPERAT', 'HQUALIMP', 'HSYSADMIN', 'HCOMPL', 'PATRQT'];

/** Writing down what happened to a patient, or that a part of the system computed a score, shows nobody anything. */
const shows = (action: string): string => `(${action} like '%.read' or ${action} like '%.export' or ${action} like '%.exported' or ${action} like '%.bundle' or ${action} like '%.search')`;

/**
 * Who was shown what of a patient, out of the audit log of the whole group of merged records, oldest first. Disclosures
 * are reads and exports for research, public health and any other purpose that is not the hospital's own treatment and
 * operations (`disclosure.read`); accesses are every look by a person or an app, refused ones as well, with whatever of the
 * system's own work read content for it (`audit.read`: it is the log, summed up). Itself on the log. Throws record.not-found, api.request-invalid.
 */
export async function accountOfDisclosures(deps: DisclosureDeps, principal: Principal, query: AccountQuery): Promise<Account> {
  const { tenant, patientId, kind } = query;
  const request = { tenant, principal, purpose: 'HCOMPL', action: 'disclosure.read', patientIds: [patientId] } as const;
  await requirePermission(deps, { ...request, authority: kind === 'disclosures' ? 'disclosure.read' : 'audit.read' });
  const now = deps.clock.now();
  const earliest = new Date(now.getTime() - sixYearsMs);
  const from = query.from === undefined || query.from < earliest ? earliest : query.from;
  const to = query.to ?? now;
  if (to < from) throw new PrimumError('api.request-invalid', 'to lies before from');
  const members = (await deps.groups(deps.db, tenant, [patientId])).map((member) => member.patientId);
  if (members.length === 0) throw new PrimumError('record.not-found', 'Patient');
  await deps.audit.write(deps.db, [{ ...request, outcome: 'success', at: now, entities: [{ type: 'account', id: kind }] }]);
  const rows = await deps.db.query<{ first_at: Date; last_at: Date; times: number; actor: string; who: string | null; role: string | null; action: string; purpose: string; outcome: string }>(
    `with about as (
       select id from audit_event where tenant = $1 and patient_id = any($2::uuid[])
       union
       select id from audit_event where tenant = $1 and patient_ids && $2::uuid[]
     ), days as (
       select min(recorded_at) as first_at, max(recorded_at) as last_at, count(*)::int as times, actor, action, purpose, outcome
       from about join audit_event e on e.tenant = $1 and e.id = about.id
       where recorded_at >= $3 and recorded_at <= $4
         and case when $5 then outcome = 'success' and purpose <> all($6) and ${shows('action')} else actor not like 'system:%' or ${shows('action')} end
       group by (recorded_at at time zone 'UTC')::date, actor, action, purpose, outcome
     )
     select d.*, u.display_name as who, u.role from days d left join app_user u on u.tenant = $1 and 'user:' || u.username = d.actor
     order by first_at, actor, action limit ${maxEntries + 1}`,
    [tenant, members, from, to, kind === 'disclosures', notAccounted],
  );
  return {
    patientId, kind, from, to, truncated: rows.length > maxEntries,
    entries: rows.slice(0, maxEntries).map(({ first_at, last_at, who, ...row }) => ({ ...row, firstAt: first_at, lastAt: last_at, who: who ?? row.actor.slice(row.actor.indexOf(':') + 1) })),
  };
}
