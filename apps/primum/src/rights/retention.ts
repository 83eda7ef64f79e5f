import type { RetentionView } from '@primum/contract';
import { uuidv7 } from '@primum/base';
import { heldClasses, mintSystemPrincipal, type ClassRetention } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { retentionActions } from './retention-actions.ts';
import { retentionScheduleOf } from './retention-schedule.ts';

const dayMs = 86_400_000;
/** Of one class in one round; the next round goes on. */
const maxBatches = 500;

export type Step = { dataClass: ClassRetention['dataClass']; action: 'archive' | 'dispose'; before: Date; rows: number; held: boolean };

/** What a round would do now, without doing it. */
export async function planRetention(core: Core): Promise<Step[]> {
  const actions = retentionActions(core);
  const held = await heldClasses(core.db, tenant);
  const steps: Step[] = [];
  for (const { schedule, action, before } of scheduled(core)) {
    const rows = await actions[schedule.dataClass]?.[action]?.due(before) ?? 0;
    steps.push({ dataClass: schedule.dataClass, action, before, rows, held: held.has(schedule.dataClass) });
  }
  return steps;
}

/** Does what is due, class by class in bounded batches, and puts each on record and on the audit log. A held class is left. */
export async function runRetention(core: Core): Promise<Step[]> {
  const actions = retentionActions(core);
  const done: Step[] = [];
  for (const step of await planRetention(core)) {
    const action = actions[step.dataClass]?.[step.action];
    if (action === undefined || step.rows === 0) continue;
    let rows = 0;
    // Asked before each batch: a hold that is placed meanwhile counts at once.
    for (let batch = 0; batch < maxBatches && !(await heldClasses(core.db, tenant)).has(step.dataClass); batch += 1) {
      const some = await action.batch(step.before);
      rows += some;
      if (some === 0) break;
    }
    const result = { ...step, rows };
    await record(core, result);
    done.push(result);
  }
  return done;
}

async function record(core: Core, { dataClass, action, before, rows, held }: Step): Promise<void> {
  const at = core.clock.now();
  await core.db.transaction(async (tx) => {
    await tx.query('insert into retention_run (tenant, id, ran_at, data_class, action, before_at, rows_done, held) values ($1, $2, $3, $4, $5, $6, $7, $8)',
      [tenant, uuidv7(at.getTime()), at, dataClass, action, before, rows, held]);
    await core.audit.write(tx, [{
      tenant, principal: mintSystemPrincipal('trust'), purpose: 'HCOMPL', action: held ? 'retention.held' : `retention.${action}d`, outcome: 'success', at,
      entities: [{ type: 'data-class', id: dataClass }, { type: 'rows', id: String(rows) }],
    }]);
  });
}

export async function retentionView(core: Core): Promise<RetentionView> {
  const { recordYearsAfterLastStay, classes } = retentionScheduleOf(core.home);
  const steps = await planRetention(core);
  const runs = await core.db.query<{ ran_at: Date; data_class: Step['dataClass']; action: Step['action']; before_at: Date; rows_done: number; held: boolean }>(
    'select ran_at, data_class, action, before_at, rows_done, held from retention_run where tenant = $1 order by ran_at desc limit 50', [tenant]);
  const held = await heldClasses(core.db, tenant);
  return {
    recordYearsAfterLastStay,
    classes: classes.map(({ dataClass, tables, basis, archiveAfterDays, disposeAfterDays }) => ({
      dataClass, tables: [...tables], basis, archiveAfterDays, disposeAfterDays, held: held.has(dataClass),
      due: steps.filter((step) => step.dataClass === dataClass).map(({ action, before, rows }) => ({ action, before: before.toISOString(), rows })),
    })),
    runs: runs.map((run) => ({ at: run.ran_at.toISOString(), dataClass: run.data_class, action: run.action, before: run.before_at.toISOString(), rows: run.rows_done, held: run.held })),
  };
}

function scheduled(core: Core): { schedule: ClassRetention; action: Step['action']; before: Date }[] {
  const now = core.clock.now().getTime();
  return retentionScheduleOf(core.home).classes.flatMap((schedule) => ([['archive', schedule.archiveAfterDays], ['dispose', schedule.disposeAfterDays]] as const)
    .flatMap(([action, days]) => (days === null ? [] : [{ schedule, action, before: new Date(now - days * dayMs) }])));
}
