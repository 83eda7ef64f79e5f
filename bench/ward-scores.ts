import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { ageAtAdmission, appendFacts, createTimeline, encounterCodes, evaluateFeatures } from '@primum/datasets';
import { component, parseMessage, parseTs, predictMargins, segmentsNamed, sigmoid } from '@primum/formats';
import { loadMappings } from '@primum/ingest';
import { normaliseValue, type Fact } from '@primum/record';
import { loadPackage, noAlerts, notifies, parseTrustedKeys, stepAlerts, type ModelPackage } from '@primum/registry';
import type { CourseKind } from '../apps/primum/src/ward-simulator/course.ts';
import { simulateStay, type StayPlan } from '../apps/primum/src/ward-simulator/stay.ts';
import { firstPlans } from '../apps/primum/src/ward-simulator/ward.ts';
import { demonstrationSeed } from '../apps/primum/src/ward-simulator/ward-file.ts';

const pack = join(import.meta.dirname, '..', 'packs', 'sepsis');
const hourMs = 3_600_000;
const epoch = Date.UTC(2026, 0, 5);

type Scored = { kind: CourseKind; onsetHour: number | undefined; hours: number; probabilities: number[]; alertHours: number[]; highHours: number[] };

/**
 * What the shipped model and alert policy say of simulated stays, hour by hour as the messages arrive, without a
 * database. It shows whether the demonstration is about as busy as the model card promises; the patients are invented,
 * so that it says nothing about the model. `--stays N`, `--seed N`, `--show KIND` prints a few stays of a course.
 */
export async function runWardScores(options: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const trustedKeys = parseTrustedKeys(JSON.parse(readFileSync(join(pack, 'trusted-keys.json'), 'utf8')));
  const model = await loadPackage(join(pack, 'model'), { trustedKeys });
  const mapping = (await loadMappings(model.codes)).get('ward-simulator')!; // a file of this repository
  const stays: Scored[] = [];
  const count = Number(options['stays'] ?? 400);
  for (let index = 0; index < count; index += 1) {
    stays.push(scoreStay(model, mapping, { seed: Number(options['seed'] ?? 1), bed: 1 + (index % 24), turn: Math.floor(index / 24), admittedAt: epoch }));
  }
  const shown = stays.filter(({ kind }) => kind === options['show']).slice(0, 8);
  for (const { onsetHour, probabilities, alertHours } of shown) {
    console.error(`onset ${onsetHour ?? '-'} alerts ${alertHours.join(',')}: ${probabilities.map((p) => (Number.isNaN(p) ? '-' : (100 * p).toFixed(0))).join(' ')}`);
  }
  // Minutes after a first start at 60× at which the patients who are there by then call somebody.
  const calls = firstPlans(demonstrationSeed, epoch).flatMap((plan) => scoreStay(model, mapping, plan).alertHours.map((hour) => ({ bed: plan.bed, minute: hour - (epoch - plan.admittedAt) / hourMs })));
  console.error(`first calls: ${calls.map(({ bed, minute }) => `bed ${bed} at ${minute} min`).join(', ')}`);
  return { ...figuresOf(stays), calls_in_first_10_minutes: calls.filter(({ minute }) => minute > 0 && minute <= 10).length };
}

function scoreStay(model: ModelPackage, mapping: Awaited<ReturnType<typeof loadMappings>> extends ReadonlyMap<string, infer T> ? T : never, plan: StayPlan): Scored {
  const { course, patient, messages } = simulateStay(plan);
  const { admittedAt } = plan;
  const timeline = createTimeline();
  let seq = 0;
  const fact = (code: string, effectiveAt: number, value: number | null, key = `${code}/${effectiveAt}`): Fact => ({ key, code, value, effectiveAt, seq, status: 'final' });
  const { birthDate: born } = patient;
  const age = ageAtAdmission(`${born.slice(0, 4)}-${born.slice(4, 6)}-${born.slice(6)}`, admittedAt);
  appendFacts(timeline, [
    fact(encounterCodes.ageYears, admittedAt, age), fact(encounterCodes.sex, admittedAt, patient.sex === 'M' ? 1 : 0),
    fact(encounterCodes.hospitalAdmit, admittedAt, 1), fact(encounterCodes.icuAdmit, admittedAt, 1),
  ]);
  const scored: Scored = { kind: course.kind, onsetHour: course.onsetHour, hours: course.hours, probabilities: [], alertHours: [], highHours: [] };
  let alerts = noAlerts;
  let next = 0;
  for (let hour = 1; hour < course.hours; hour += 1) {
    const now = admittedAt + hour * hourMs;
    for (; next < messages.length && messages[next]!.sentAt <= now; next += 1) {
      const parsed = parseMessage(messages[next]!.text);
      if (!parsed.ok) throw new Error('a simulated message cannot be read');
      seq += 1;
      for (const obx of segmentsNamed(parsed.message, 'OBX')) {
        const mapped = mapping.codes.get(component(obx, 3));
        const at = parseTs(component(obx, 14), { defaultOffsetMinutes: 0 });
        if (mapped === undefined || !at.ok) continue;
        const unit = mapping.units.get(component(obx, 6)) ?? mapped.unit ?? '';
        const value = mapped.values?.[component(obx, 5)] ?? normaliseValue(model.codes, { source: mapping.codeSource, code: mapped.code, value: Number(component(obx, 5)), unit }).value;
        appendFacts(timeline, [fact(mapped.code, at.instant.getTime(), value)]);
      }
    }
    const { values, eligible, required } = evaluateFeatures(model.featureSet, timeline, now);
    const probability = eligible.ok && required.ok ? sigmoid(predictMargins(model.ensemble, values)[0]!) : Number.NaN;
    scored.probabilities.push(probability);
    const step = stepAlerts(model.alertPolicy, alerts, Number.isNaN(probability) ? { kind: eligible.ok ? 'withheld' : 'ineligible' } : { kind: 'score', probability }, now);
    alerts = step.state;
    for (const event of step.events.filter(notifies)) (event.tier === 'high' ? scored.highHours : scored.alertHours).push(hour);
  }
  scored.alertHours.push(...scored.highHours);
  return scored;
}

function figuresOf(stays: readonly Scored[]): Record<string, unknown> {
  const kinds = [...new Set(stays.map(({ kind }) => kind))].sort();
  const rows = kinds.map((kind) => {
    const of = stays.filter((stay) => stay.kind === kind);
    const away = of.flatMap(({ probabilities, onsetHour }) => probabilities.filter((p, index) => !Number.isNaN(p) && (onsetHour === undefined || index + 1 < onsetHour - 12)));
    const near = of.flatMap(({ probabilities, onsetHour }) => (onsetHour === undefined ? [] : [Math.max(...probabilities.slice(onsetHour - 6, onsetHour).filter((p) => !Number.isNaN(p)))]));
    const peaks = of.map(({ probabilities }) => Math.max(0, ...probabilities.filter((p) => !Number.isNaN(p))));
    const days = of.reduce((sum, { hours }) => sum + hours / 24, 0);
    const alerted = of.filter(({ alertHours }) => alertHours.length > 0);
    return {
      kind, stays: of.length, median_pct: percent(quantile(away, 0.5)), p95_pct: percent(quantile(away, 0.95)), peak_median_pct: percent(quantile(peaks, 0.5)),
      before_onset_peak_median_pct: near.length === 0 ? null : percent(quantile(near, 0.5)),
      alerted_pct: percent(alerted.length / of.length), high_pct: percent(of.filter(({ highHours }) => highHours.length > 0).length / of.length),
      alerted_before_onset_pct: near.length === 0 ? null : percent(of.filter(({ alertHours, onsetHour }) => alertHours.some((hour) => hour <= onsetHour!)).length / of.length),
      alerts_per_100_days: round((100 * of.reduce((sum, { alertHours }) => sum + alertHours.length, 0)) / days),
    };
  });
  console.error(Object.keys(rows[0] ?? {}).join('\t'));
  for (const row of rows) console.error(Object.values(row).join('\t'));
  const days = stays.reduce((sum, { hours }) => sum + hours / 24, 0);
  const alerts = stays.reduce((sum, { alertHours }) => sum + alertHours.length, 0);
  return { stays: stays.length, patient_days: round(days), alerts_per_100_patient_days: round((100 * alerts) / days), alerts_a_day_on_24_beds: round((24 * alerts) / days), courses: rows };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

const round = (value: number): number => Math.round(value * 10) / 10;
const percent = (part: number): number => round(100 * part);
