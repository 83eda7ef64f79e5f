import { noAlerts, notifies, stepAlerts, type AlertPolicy } from '@primum/registry';
import { quantile, type Statistic } from './bootstrap.ts';
import type { ScoredStays } from './scored-stays.ts';

/** A notification of the alert policy in a simulated stay. */
export type SimulatedAlert = { stay: number; hour: number; tier: 'watch' | 'high' };

export type AlertName = 'alertsPer100PatientDays' | 'ppv12h' | 'sensitivity12h' | 'ppvStay' | 'staysAlerted' | 'leadTimeMedianHours';

/**
 * Onset is six hours after the first positive label. Where the first row is positive already, onset lies somewhere
 * before that hour: such a stay is septic, but no alert in it counts as timely.
 */
const labelLeadHours = 6;
const windowHours = 12;
const hourMs = 3_600_000;

/**
 * Runs the alert policy over each stay's hourly scores; a withheld hour goes in as withheld. Nobody acknowledges or
 * snoozes, so what is counted is the policy's own load. `hour` counts from the stay's first row.
 */
export function simulateAlerts(policy: AlertPolicy, scored: ScoredStays, withheld: Uint8Array): SimulatedAlert[] {
  const alerts: SimulatedAlert[] = [];
  scored.stays.forEach(({ start, end }, stay) => {
    let state = noAlerts;
    for (let row = start; row < end; row += 1) {
      const input = withheld[row] === 1 ? { kind: 'withheld' as const } : { kind: 'score' as const, probability: scored.probabilities[row]! };
      const step = stepAlerts(policy, state, input, (row - start) * hourMs);
      state = step.state;
      for (const event of step.events) {
        if (notifies(event) && event.tier !== 'none') alerts.push({ stay, hour: row - start, tier: event.tier });
      }
    }
  });
  return alerts;
}

/**
 * What a ward gets from these alerts: how many per 100 patient-days; the share of alerts within the 12 h up to onset
 * (`ppv12h`); the share of septic stays with one there (`sensitivity12h`); the share of alerted stays that become
 * septic (`ppvStay`); the share of all stays alerted; and the median lead, from a septic stay's first alert in that
 * window to onset.
 */
export function alertStatistics({ stays, labels }: ScoredStays, alerts: readonly SimulatedAlert[]): Statistic<AlertName> {
  const count = stays.length;
  const firstPositive = stays.map(({ start, end }) => labels.subarray(start, end).indexOf(1));
  const onset = firstPositive.map((first) => (first < 1 ? Number.NaN : first + labelLeadHours));
  const raised = new Uint32Array(count);
  const timely = new Uint32Array(count);
  const lead = new Float64Array(count).fill(Number.NaN);
  for (const { stay, hour } of alerts) {
    raised[stay]! += 1;
    const before = onset[stay]! - hour;
    if (!(before >= 0 && before <= windowHours)) continue;
    timely[stay]! += 1;
    if (!(lead[stay]! >= before)) lead[stay] = before; // the earliest has the longest lead
  }
  return (weights) => {
    const sum = { days: 0, stays: 0, alerts: 0, timely: 0, septic: 0, caught: 0, alerted: 0, alertedSeptic: 0 };
    const leads: number[] = [];
    for (let stay = 0; stay < count; stay += 1) {
      const weight = weights[stay]!;
      const septic = firstPositive[stay]! >= 0;
      sum.days += (weight * (stays[stay]!.end - stays[stay]!.start)) / 24;
      sum.stays += weight;
      sum.alerts += weight * raised[stay]!;
      sum.timely += weight * timely[stay]!;
      if (septic) sum.septic += weight;
      if (timely[stay]! > 0) sum.caught += weight;
      if (raised[stay]! > 0) sum.alerted += weight;
      if (septic && raised[stay]! > 0) sum.alertedSeptic += weight;
      for (let copy = 0; copy < weight && !Number.isNaN(lead[stay]!); copy += 1) leads.push(lead[stay]!);
    }
    return {
      alertsPer100PatientDays: (100 * sum.alerts) / sum.days,
      ppv12h: sum.timely / sum.alerts,
      sensitivity12h: sum.caught / sum.septic,
      ppvStay: sum.alertedSeptic / sum.alerted,
      staysAlerted: sum.alerted / sum.stays,
      leadTimeMedianHours: quantile(leads.sort((a, b) => a - b), 0.5),
    };
  };
}
