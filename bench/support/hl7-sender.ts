/**
 * A sender in a process of its own: `hl7-sender.ts PORT CONNECTIONS SECONDS PATIENTS RUN [MIX]`. Each connection sends a
 * message, waits for its acknowledgement, and sends the next (the standard's blocking mode). `mixed`: four ORU^R01 of 8 OBX
 * each, then an ADT^A08; `oru`: ORU^R01 alone. Admits its patients first. Prints one JSON line: {"accepted": AA's within the time, "refused", "seconds"}.
 */
import { buildMessage, type SegmentInput } from '@primum/formats';
import { connectMllp, type MllpClient } from '@primum/ingest';

const [port = 0, connections = 1, seconds = 10, patients = 24] = process.argv.slice(2, 6).map(Number);
const run = process.argv[6] ?? 'x';
const mixed = process.argv[7] !== 'oru';
const facility = 'BENCH';
const epoch = Date.UTC(2026, 0, 1);
let sequence = 0;

const ts = (at: number): string => new Date(at).toISOString().replace(/[-:TZ]/g, '').slice(0, 14);
const msh = (application: string, type: readonly string[], at: number): SegmentInput =>
  ['MSH', application, facility, 'PRIMUM', 'PRIMUM', ts(at), '', type, `${run}-${sequence += 1}`, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];
const pid = (patient: number): SegmentInput => ['PID', '1', '', [`${run}P${patient}`, '', '', facility, 'MR'], '', ['Bench', `Patient ${patient}`], '', '19600101', 'F'];
const pv1 = (patient: number): SegmentInput =>
  ['PV1', '1', 'I', ['ICU', 'ICU', String(patient)], ...Array.from({ length: 15 }, () => ''), [`${run}V${patient}`, '', '', facility, 'VN']];

const admission = (patient: number): string => buildMessage([
  msh('BENCHADT', ['ADT', 'A01', 'ADT_A01'], epoch), ['EVN', 'A01', ts(epoch), '', '', '', ts(epoch)], pid(patient), pv1(patient),
]);

const update = (patient: number, n: number): string => {
  const at = epoch + 60_000 + n * 1_000;
  return buildMessage([msh('BENCHADT', ['ADT', 'A08', 'ADT_A01'], at), ['EVN', 'A08', ts(at), '', '', '', ts(at)], pid(patient), pv1(patient)]);
};

const vitals = [['HR', '88', 'bpm'], ['RR', '18', 'rpm'], ['SPO2', '97', '%'], ['ABPS', '121', 'mmHg'], ['ABPD', '64', 'mmHg'], ['ABPM', '83', 'mmHg'], ['TEMP', '37.2', 'C'], ['LAC', '1.4', 'mmol/L']] as const;

function results(patient: number, n: number): string {
  const at = epoch + 60_000 + n * 1_000;
  return buildMessage([
    msh('BENCHMON', ['ORU', 'R01', 'ORU_R01'], at), pid(patient), pv1(patient),
    ['OBR', '1', `${run}-${n}`, `${run}-${n}`, ['VITALS', 'Vital signs', 'L'], '', '', ts(at)],
    ...vitals.map(([code, value, unit], index): SegmentInput => ['OBX', String(index + 1), 'NM', [code, code, 'L'], '', value, unit, '', '', '', '', 'F', '', '', ts(at)]),
  ]);
}

const clients = await Promise.all(Array.from({ length: connections }, () => connectMllp({ host: '127.0.0.1', port, timeoutMs: 60_000 })));
for (let patient = 0; patient < patients; patient += 1) await clients[0]!.send(admission(patient));

let accepted = 0;
let refused = 0;
let n = 0;
const startedAt = performance.now();
const until = startedAt + seconds * 1000;
await Promise.all(clients.map(async (client: MllpClient) => {
  while (performance.now() < until) {
    n += 1;
    const answer = await client.send(mixed && n % 5 === 0 ? update(n % patients, n) : results(n % patients, n));
    if (performance.now() > until) continue;
    if (answer.includes('MSA|AA')) accepted += 1;
    else refused += 1;
  }
}));
console.log(JSON.stringify({ accepted, refused, seconds: (performance.now() - startedAt) / 1000 }));
await Promise.all(clients.map((client) => client.close()));
