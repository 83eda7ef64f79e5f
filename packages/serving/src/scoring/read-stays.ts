import type { StayState } from '@primum/contract';
import type { SiteClock } from '@primum/record';
import type { Sql } from '@primum/store';

/** A stay that may need an outcome: open in an ICU, or with a risk that was not ended. Instants in ms, source's clock. */
export type ScoredStay = {
  stayId: string;
  rootId: string;
  /** In an ICU and not finished. */
  inIcu: boolean;
  status: StayState;
  clock: SiteClock;
};

/** What `stay_risk` remembers of a stay; the policy's state is its own JSON. */
export type StayRisk = {
  stayId: string;
  predictionId: string;
  status: string;
  reasons: string[];
  asOf: number;
  scoredId: string | null;
  scoredAsOf: number | null;
  probability: number | null;
  tier: string;
  policyState: unknown;
  alertId: string | null;
};

type StayRow = {
  id: string; root_id: string; in_icu: boolean; status: StayState;
  clock_rate: number; simulated: boolean; anchor_source_at: Date | null; anchor_wall_at: Date | null;
};

const selectStays = `
select s.id, p.root_id, s.status, s.status = 'in-progress' and s.icu as in_icu,
       si.clock_rate, si.simulated, si.anchor_source_at, si.anchor_wall_at
from patient p
join stay s on s.tenant = p.tenant and s.patient_id = p.id
join site si on si.tenant = s.tenant and si.id = s.site_id
left join stay_risk r on r.tenant = s.tenant and r.stay_id = s.id
where p.tenant = $1 and p.root_id = any($2::uuid[]) and (s.status = 'in-progress' and s.icu or not r.ended)
order by s.id`;

export async function readStays(sql: Sql, tenant: number, rootIds: readonly string[]): Promise<ScoredStay[]> {
  const rows = await sql.query<StayRow>(selectStays, [tenant, rootIds]);
  return rows.map((row) => ({ stayId: row.id, rootId: row.root_id, inIcu: row.in_icu, status: row.status, clock: clockOf(row) }));
}

export function clockOf(row: Pick<StayRow, 'clock_rate' | 'simulated' | 'anchor_source_at' | 'anchor_wall_at'>): SiteClock {
  return {
    rate: row.clock_rate,
    simulated: row.simulated,
    anchorSourceAt: row.anchor_source_at?.getTime() ?? null,
    anchorWallAt: row.anchor_wall_at?.getTime() ?? null,
    proposedSourceAt: null,
  };
}

type RiskRow = {
  stay_id: string; prediction_id: string; status: string; reasons: string[]; as_of: Date; scored_id: string | null;
  scored_as_of: Date | null; probability: number | null; tier: string; policy_state: unknown; alert_id: string | null;
};

/** Takes the lock under which alerts change; in the order of the stays, so that two takers cannot wait for each other. */
const lockRisks = `
select stay_id, prediction_id, status, reasons, as_of, scored_id, scored_as_of, probability, tier, policy_state, alert_id
from stay_risk where tenant = $1 and stay_id = any($2::uuid[]) order by stay_id for update`;

export async function lockStayRisks(tx: Sql, tenant: number, stayIds: readonly string[]): Promise<Map<string, StayRisk>> {
  if (stayIds.length === 0) return new Map();
  const rows = await tx.query<RiskRow>(lockRisks, [tenant, stayIds]);
  return new Map(rows.map((row) => [row.stay_id, {
    stayId: row.stay_id,
    predictionId: row.prediction_id,
    status: row.status,
    reasons: row.reasons,
    asOf: row.as_of.getTime(),
    scoredId: row.scored_id,
    scoredAsOf: row.scored_as_of?.getTime() ?? null,
    probability: row.probability,
    tier: row.tier,
    policyState: row.policy_state,
    alertId: row.alert_id,
  }]));
}
