import { buildMessage, formatTs, type SegmentInput } from '@primum/formats';
import { connectMllp } from '@primum/ingest';

const facility = 'POWERCUT';
export const powerCutSource = {
  tenant: 1, application: facility, facility, siteCode: 'power-cut', siteName: 'Power cut', mapping: 'ward-simulator', clockRate: 0, simulated: true,
} as const;
const epoch = Date.UTC(2026, 0, 1);
const patients = 24;

const ts = (at: number): string => formatTs(new Date(at), { offsetMinutes: 0 });

/** Message n: the first of each patient admits, the others bring one heart rate. Its control ID is `P-n`. */
export function messageOf(n: number): string {
  const patient = n % patients;
  const at = epoch + n * 1_000;
  const header = (type: readonly string[]): SegmentInput => ['MSH', facility, facility, 'PRIMUM', 'PRIMUM', ts(at), '', type, `P-${n}`, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];
  const pid: SegmentInput = ['PID', '1', '', [`P${patient}`, '', '', facility, 'MR'], '', ['Power', `Patient ${patient}`], '', '19600101', 'F'];
  const pv1: SegmentInput = ['PV1', '1', 'I', ['ICU', 'ICU', String(patient)], ...Array.from({ length: 15 }, () => ''), [`V${patient}`, '', '', facility, 'VN']];
  if (n < patients) return buildMessage([header(['ADT', 'A01', 'ADT_A01']), ['EVN', 'A01', ts(at)], pid, pv1]);
  return buildMessage([header(['ORU', 'R01', 'ORU_R01']), pid, pv1,
    ['OBR', '1', `P-${n}`, `P-${n}`, ['VITALS', 'Vital signs', 'L'], '', '', ts(at)],
    ['OBX', '1', 'NM', ['HR', 'Heart rate', 'L'], '', String(60 + (n % 80)), 'bpm', '', '', '', '', 'F', '', '', ts(at)]]);
}

export type Sending = { next: number; acknowledged: Set<string>; refused: number };

/** Admits the patients, then sends on 16 connections, one message in flight each, until the other side is gone. */
export async function sendUntilLost(port: number, sending: Sending): Promise<void> {
  const one = async (client: Awaited<ReturnType<typeof connectMllp>>): Promise<void> => {
    const n = sending.next++;
    const answer = await client.send(messageOf(n));
    if (answer.includes('MSA|AA')) sending.acknowledged.add(`P-${n}`);
    else sending.refused += 1;
  };
  const clients = await Promise.all(Array.from({ length: 16 }, () => connectMllp({ host: '127.0.0.1', port, timeoutMs: 10_000 })));
  try {
    while (sending.next < patients) await one(clients[0]!);
    await Promise.all(clients.map(async (client) => {
      for (;;) await one(client);
    }));
  } catch {
    // the connection is lost: what the torture waits for
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
  }
}
