import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { registerSource } from '@primum/ingest';
import { streamHead, tailStream } from '@primum/store';
import { bootPrimum, type Primum } from '../apps/primum/src/boot.ts';
import type { SenderReport, SenderTask } from './support/e2e-sender.ts';
import { admission, benchSource, bloodResults, randomOf, results, vitalSigns, type BenchPatient, type BenchValue } from './support/ward-messages.ts';

const tenant = 1;
const hourMs = 3_600_000;
const start = Date.UTC(2026, 5, 1);

/**
 * From the first byte of an ORU^R01 on the MLLP socket to its committed prediction, explanation and alert events seen
 * in the process: framing, fsynced acceptance, mapping, facts, features, ONNX, TreeSHAP, alert policy, audit. Each
 * message carries the vital signs of its bed at the very end of an hour in the ICU, so that each one leads to a score.
 * 24 beds; arrivals are a Poisson process of `--rate` (100) per second for `--seconds` (60), sent from another process;
 * the first `--warm-up` (5) seconds are sent before and not measured. `lost`: messages without a prediction.
 */
export async function runE2e(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const rate = Number(options['rate'] ?? 100);
  const seconds = Number(options['seconds'] ?? 60);
  const beds = Number(options['beds'] ?? 24);
  const warmUp = Number(options['warm-up'] ?? 5) * rate;
  const count = seconds * rate + warmUp;
  const home = await mkdtemp(join(tmpdir(), 'primum-e2e-'));
  const primum = await bootPrimum({ home, log: silentLog, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
  try {
    await registerSource(primum.core.db, { tenant, ...benchSource, clockRate: 0 });
    const ward = wardOf(beds);
    await send({ port: primum.mllpPort, connections: 1, messages: ward.map((patient, lane) => ({ controlId: `A${lane}`, text: admission(patient, `A${lane}`), atMs: 0, lane })) });
    await primum.applied();
    const watch = await watchAnswers(primum);
    const report = await send({ port: primum.mllpPort, connections: 4, messages: hourlyMessages(ward, count, rate) });
    const answered = await watch.answers(count, 10_000);
    const times = await sentTimes(primum, report);
    const measured = report.slice(warmUp);
    const latencies = measured.flatMap(({ controlId }) => {
      const seenNs = answered.get(times.idOf.get(controlId) ?? '');
      return seenNs === undefined ? [] : [Number(seenNs - times.sentNs.get(controlId)!) / 1e6]; // sent: it is in the report
    }).toSorted((a, b) => a - b);
    const spanS = Number(BigInt(measured.at(-1)!.sentNs) - BigInt(measured[0]!.sentNs)) / 1e9; // seconds · rate > 0 messages
    const at = (part: number): number => Math.round((latencies[Math.min(latencies.length - 1, Math.ceil(part * latencies.length) - 1)] ?? Number.NaN) * 100) / 100;
    return {
      p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99), max_ms: at(1), messages_per_s: Math.round((measured.length / spanS) * 10) / 10,
      lost: measured.length - latencies.length, messages: measured.length, not_acknowledged: report.filter(({ ack }) => ack !== 'AA').length,
      waiting_at_end: (await primum.figures()).waiting, beds, ...(await counts(primum)),
    };
  } finally {
    await primum.stop();
    await rm(home, { recursive: true, force: true });
  }
}

/** Bed k is admitted k parts of an hour after the first, so that the beds' hours end one after the other. */
function wardOf(beds: number): BenchPatient[] {
  return Array.from({ length: beds }, (_, bed) => ({ mrn: `E${bed}`, visit: `EV${bed}`, bed: `E${bed}`, admittedAt: start + Math.round((bed * hourMs) / beds / 1_000) * 1_000 }));
}

function hourlyMessages(ward: readonly BenchPatient[], count: number, rate: number): SenderTask['messages'] {
  const random = randomOf(3);
  let atMs = 0;
  return Array.from({ length: count }, (_, index) => {
    const lane = index % ward.length;
    const patient = ward[lane]!; // within its length
    const at = patient.admittedAt + (1 + Math.floor(index / ward.length)) * hourMs;
    const controlId = `E${index}`;
    atMs += (-Math.log(1 - random()) * 1_000) / rate;
    return { controlId, text: results(patient, controlId, { order: controlId, at, sentAt: at, values: valuesAt(random, illness(index, ward.length)) }), atMs, lane };
  });
}

/** Eight values; sixteen while the laboratory watches an ill patient. */
function valuesAt(random: () => number, ill: number): BenchValue[] {
  return [...vitalSigns(random, ill), ...(ill > 0.5 ? bloodResults(random, ill) : [])];
}

/** Every third bed goes through twelve hours of illness and twelve of recovery, so that alerts are raised, rise and close. */
function illness(index: number, beds: number): number {
  if (index % 3 !== 0) return 0.15;
  return 0.5 - 0.5 * Math.cos((Math.floor(index / beds) / 12) * Math.PI);
}

async function send(task: SenderTask): Promise<SenderReport> {
  const sender = fork(join(import.meta.dirname, 'support', 'e2e-sender.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  sender.send(task);
  const [report] = await once(sender, 'message') as [SenderReport]; // the sender's one message
  return report;
}

/** When each message's prediction and alert events were seen here, by message id. */
async function watchAnswers({ core, sequencer }: Primum): Promise<{ answers(count: number, patienceMs: number): Promise<Map<string, bigint>> }> {
  const seen = new Map<string, bigint>();
  const stop = new AbortController();
  const afterSeq = await streamHead(core.db, tenant);
  const running = (async () => {
    for await (const events of tailStream({ db: core.db, sequencer }, { tenant, topics: ['prediction.made', 'alert.changed'], afterSeq, signal: stop.signal })) {
      const now = process.hrtime.bigint();
      // Written by serving; an alert's events are numbered after their prediction, so the last one counts.
      for (const { payload } of events) for (const id of (payload as { messageIds?: string[] }).messageIds ?? []) seen.set(id, now);
    }
  })();
  return {
    answers: async (count, patienceMs) => {
      for (const end = Date.now() + patienceMs; seen.size < count && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 50));
      stop.abort();
      await running;
      return seen;
    },
  };
}

async function sentTimes({ core }: Primum, report: SenderReport): Promise<{ idOf: Map<string, string>; sentNs: Map<string, bigint> }> {
  const rows = await core.db.query<{ id: string; control_id: string }>('select id, control_id from message where tenant = $1', [tenant]);
  return { idOf: new Map(rows.map(({ id, control_id }) => [control_id, id])), sentNs: new Map(report.map(({ controlId, sentNs }) => [controlId, BigInt(sentNs)])) };
}

async function counts({ core }: Primum): Promise<Record<string, number>> {
  const [row] = await core.db.query<{ predictions: number; scored: number; alerts: number; alert_events: number; quarantined: number }>(
    `select (select count(*) from prediction) as predictions, (select count(*) from prediction where status = 'scored') as scored,
       (select count(*) from alert) as alerts, (select count(*) from alert_event) as alert_events, (select count(*) from message where status = 'quarantined') as quarantined`, []);
  return { ...row };
}
