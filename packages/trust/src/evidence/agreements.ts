import { PrimumError, uuidv7, type Clock } from '@primum/base';
import type { AddAgreement, Agreement, DataFlow } from '@primum/contract';
import type { Db } from '@primum/store';
import { actorOf, type Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { Audit } from '../audit/audit.ts';
import type { Policy } from '../policy/policy.ts';

export type RegisterDeps = { db: Db; audit: Audit; clock: Clock; policy: Policy };

/** A way that data leave the house, as the composition root finds it in the settings. */
export type Flow = Pick<DataFlow, 'id' | 'what' | 'to' | 'personal'>;

type Row = { id: string; party: string; kind: Agreement['kind']; scope: string; flows: string[]; valid_from: string; valid_to: string | null; recorded_by: string; ended_at: Date | null };
const columns = 'id, party, kind, scope, flows, valid_from::text, valid_to::text, recorded_by, ended_at';
const maxListed = 500;
const dayMs = 86_400_000;

/** Enters an agreement (45 CFR 164.504(e), GDPR Article 28) for who holds `agreement.manage`. */
export async function addAgreement(deps: RegisterDeps, tenant: number, principal: Principal, agreement: AddAgreement): Promise<Agreement> {
  const request = { tenant, principal, authority: 'agreement.manage', purpose: 'HSYSADMIN', action: 'agreement.added' } as const;
  await requirePermission(deps, request);
  if (agreement.validTo !== null && agreement.validTo < agreement.validFrom) throw new PrimumError('api.request-invalid', 'validTo lies before validFrom');
  const at = deps.clock.now();
  const id = uuidv7(at.getTime());
  return deps.db.transaction(async (tx) => {
    const [row] = await tx.query<Row>(
      `insert into agreement (tenant, id, party, kind, scope, flows, valid_from, valid_to, recorded_at, recorded_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning ${columns}`,
      [tenant, id, agreement.party, agreement.kind, agreement.scope, agreement.flows, agreement.validFrom, agreement.validTo, at, actorOf(principal)]);
    await deps.audit.write(tx, [{ ...request, outcome: 'success', at, entities: [{ type: 'agreement', id }] }]);
    return agreementOf(row!); // one in, one out
  });
}

/** Takes it out of force; the row stays. Throws agreement.not-found where none is in force under this id. */
export async function endAgreement(deps: RegisterDeps, tenant: number, principal: Principal, id: string): Promise<void> {
  const request = { tenant, principal, authority: 'agreement.manage', purpose: 'HSYSADMIN', action: 'agreement.ended' } as const;
  await requirePermission(deps, request);
  const at = deps.clock.now();
  await deps.db.transaction(async (tx) => {
    const ended = await tx.query('update agreement set ended_at = $3, ended_by = $4 where tenant = $1 and id = $2 and ended_at is null returning id', [tenant, id, at, actorOf(principal)]);
    if (ended.length === 0) throw new PrimumError('agreement.not-found');
    await deps.audit.write(tx, [{ ...request, outcome: 'success', at, entities: [{ type: 'agreement', id }] }]);
  });
}

export async function listAgreements(deps: RegisterDeps, tenant: number): Promise<Agreement[]> {
  const rows = await deps.db.query<Row>(`select ${columns} from agreement where tenant = $1 order by ended_at nulls first, party, id limit ${maxListed}`, [tenant]);
  return rows.map(agreementOf);
}

/** Each flow with the agreement that covers it today; one that carries personal data and has none is flagged. */
export function coverFlows(flows: readonly Flow[], agreements: readonly Agreement[], now: Date): DataFlow[] {
  const today = now.toISOString().slice(0, 10);
  const inForce = agreements.filter(({ validFrom, validTo, endedAt }) => endedAt === null && validFrom <= today && (validTo === null || validTo >= today));
  return flows.map((flow) => {
    // Of several the one that lasts longest.
    const [agreement] = inForce.filter(({ flows: covered }) => covered.includes(flow.id)).sort((a, b) => (b.validTo ?? '9999').localeCompare(a.validTo ?? '9999'));
    return {
      ...flow,
      covered: flow.personal ? agreement !== undefined : null,
      agreementId: agreement?.id ?? null,
      endsInDays: agreement?.validTo === undefined || agreement.validTo === null ? null : Math.floor((Date.parse(agreement.validTo) - Date.parse(today)) / dayMs),
    };
  });
}

function agreementOf(row: Row): Agreement {
  return {
    id: row.id, party: row.party, kind: row.kind, scope: row.scope, flows: row.flows, validFrom: row.valid_from, validTo: row.valid_to,
    recordedBy: row.recorded_by, endedAt: row.ended_at?.toISOString() ?? null,
  };
}
