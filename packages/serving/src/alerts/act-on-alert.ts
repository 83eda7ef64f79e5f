import { PrimumError, type Clock } from '@primum/base';
import type { AcknowledgeRequest, AlertView, SnoozeRequest } from '@primum/contract';
import { siteNow } from '@primum/record';
import { stepAlerts, type AlertInput, type AlertPolicy, type StayAlerts } from '@primum/registry';
import { writeOutbox, type Db, type Sequencer, type Sql } from '@primum/store';
import { actorOf, requirePermission, type Audit, type Policy, type UserPrincipal } from '@primum/trust';
import { clockOf, lockStayRisks, type StayRisk } from '../scoring/read-stays.ts';
import { writeStayRisks } from '../scoring/stay-risk.ts';
import { alertView, displayNames } from './alert-view.ts';
import { readAlerts, writeAlerts, type AlertRow } from './alert-row.ts';
import { applyAlertEvents, type AlertContext } from './apply-alert-events.ts';

export type AlertDeps = { db: Db; sequencer: Pick<Sequencer, 'kick'>; audit: Audit; policy: Policy; alertPolicy: AlertPolicy; clock: Clock; tenant: number };

/** Gives the alert an owner; never clears it. Errors: alert.not-found, alert.transition-invalid, auth.forbidden. */
export function acknowledgeAlert(deps: AlertDeps, principal: UserPrincipal, alertId: string, request: AcknowledgeRequest): Promise<AlertView> {
  if (request.as === 'handed-over' && (request.handedTo ?? '').trim() === '') return Promise.reject(new PrimumError('api.request-invalid', 'handedTo: to whom'));
  const action = { userId: principal.userId, as: request.as, ...(request.handedTo === undefined ? {} : { handedTo: request.handedTo }) };
  return actOnAlert(deps, principal, alertId, request.version, { kind: 'acknowledge' }, 'alert.acknowledged', action);
}

/** Hushes the alert by the source's clock. Errors as above, and alert.snooze-too-long. */
export function snoozeAlert(deps: AlertDeps, principal: UserPrincipal, alertId: string, request: SnoozeRequest): Promise<AlertView> {
  return actOnAlert(deps, principal, alertId, request.version, { kind: 'snooze', minutes: request.minutes }, 'alert.snoozed', { userId: principal.userId });
}

type Subject = {
  stay_id: string; root_id: string; clock_rate: number; simulated: boolean; anchor_source_at: Date | null; anchor_wall_at: Date | null;
};

const selectSubject = `
select a.stay_id, p.root_id, si.clock_rate, si.simulated, si.anchor_source_at, si.anchor_wall_at
from alert a
join stay s on s.tenant = a.tenant and s.id = a.stay_id
join patient p on p.tenant = s.tenant and p.id = s.patient_id
join site si on si.tenant = s.tenant and si.id = s.site_id
where a.tenant = $1 and a.id = $2`;

/**
 * A person's action, under the same lock as scoring, stepped through the policy, and audited in the same transaction.
 * `version` is the alert as the person saw it: whoever acts on an alert that has changed meanwhile is told to look again.
 */
async function actOnAlert(
  deps: AlertDeps, principal: UserPrincipal, alertId: string, version: number, input: AlertInput, auditAction: string, action: NonNullable<AlertContext['action']>,
): Promise<AlertView> {
  const { db, audit, tenant, clock, alertPolicy } = deps;
  const [subject] = await db.query<Subject>(selectSubject, [tenant, alertId]);
  await requirePermission(deps, {
    tenant, principal, authority: 'alert.act', purpose: 'TREAT', action: auditAction, ...(subject === undefined ? {} : { patientIds: [subject.root_id] }),
  });
  if (subject === undefined) throw new PrimumError('alert.not-found');
  const view = await db.transaction(async (tx) => {
    const { risk, alert } = await lockedAlert(tx, tenant, subject.stay_id, alertId);
    if (alert.version !== version) throw new PrimumError('alert.transition-invalid', 'it changed meanwhile');
    const now = Math.floor(siteNow(clockOf(subject), clock.now().getTime()));
    // The policy's own state, written by scoring.
    const { state, events } = stepAlerts(alertPolicy, risk.policyState as StayAlerts, input, now);
    const context = { patientId: subject.root_id, stayId: subject.stay_id, actor: actorOf(principal), evidence: null, action };
    const change = applyAlertEvents(alert, state, events, context);
    await Promise.all([
      writeAlerts(tx, tenant, change.alert === null ? [] : [change.alert], change.events),
      writeStayRisks(tx, tenant, [{ ...risk, patientId: subject.root_id, tier: state.tier, policyState: state, ended: false }]),
      audit.write(tx, [{ tenant, action: auditAction, outcome: 'success', principal, purpose: 'TREAT', patientId: subject.root_id, entities: [{ type: 'Alert', id: alertId }], at: clock.now() }]),
      writeOutbox(tx, change.events.map(({ kind }) => ({
        tenant, topic: 'alert.changed', key: subject.root_id, payload: { alertId, patientId: subject.root_id, stayId: subject.stay_id, kind },
      }))),
    ]);
    const changed = change.alert ?? alert;
    return alertView(changed, await displayNames(tx, tenant, [changed]));
  });
  deps.sequencer.kick();
  return view;
}

async function lockedAlert(tx: Sql, tenant: number, stayId: string, alertId: string): Promise<{ risk: StayRisk; alert: AlertRow }> {
  const risk = (await lockStayRisks(tx, tenant, [stayId])).get(stayId);
  const alert = (await readAlerts(tx, tenant, [alertId])).get(alertId);
  if (risk === undefined || alert === undefined || risk.alertId !== alertId) throw new PrimumError('alert.transition-invalid', 'it is closed');
  return { risk, alert };
}
