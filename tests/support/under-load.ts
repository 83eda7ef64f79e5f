import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '@primum/base';
import { connectMllp, registerSource, type MllpClient } from '@primum/ingest';
import { expect } from 'vitest';
import { bootPrimum, type Primum } from '../../apps/primum/src/boot.ts';
import { tenant } from '../../apps/primum/src/core.ts';
import { settled } from '../../apps/primum/src/settle.ts';
import { admission, benchSource, results, vitalSigns } from '../../bench/support/ward-messages.ts';
import { readAck } from './raw-mllp.ts';

/** A whole Primum with a PostgreSQL of its own in `home`, which knows the sender of `streamMessages`. */
export async function bootInHome(home: string): Promise<Primum> {
  const primum = await bootPrimum({ home, log: silentLog, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
  await registerSource(primum.core.db, { tenant, ...benchSource, clockRate: 0, simulated: true });
  return primum;
}

export type Stream = {
  /** Control IDs that were answered AA. */
  acknowledged: ReadonlySet<string>;
  /** Other answers: MSA-1, ERR-3 and ERR-5, as "AR 207 store.disk-full", with how often each came. */
  refused: ReadonlyMap<string, number>;
  stop(): Promise<void>;
};

const beds = 4;
const pauseMs = 5;

/**
 * One connection a bed: an admission, then vital signs half an hour apart. What was not acknowledged is sent again as it
 * was, over a new connection where the old one was lost, until it is: what an interface engine does.
 */
export function streamMessages(port: number): Stream {
  const acknowledged = new Set<string>();
  const refused = new Map<string, number>();
  let stopped = false;
  const admittedAt = Date.UTC(2026, 5, 1, 8);

  const sendBed = async (bed: number): Promise<void> => {
    const patient = { mrn: `L${bed}`, visit: `LV${bed}`, bed: `L${bed}`, admittedAt };
    let client: MllpClient | undefined;
    for (let n = 0; !stopped; await sleep(pauseMs)) {
      const id = `L${bed}-${n}`;
      const at = admittedAt + n * 1_800_000;
      const text = n === 0 ? admission(patient, id) : results(patient, id, { order: id, at, sentAt: at, values: vitalSigns(() => 0.5, 0) });
      try {
        client ??= await connectMllp({ host: '127.0.0.1', port, timeoutMs: 5_000 });
        const { ack, controlId, condition, code } = readAck(await client.send(text));
        expect(controlId).toBe(id);
        if (ack === 'AA') {
          acknowledged.add(id);
          n += 1;
        } else {
          const answer = `${ack} ${condition} ${code}`;
          refused.set(answer, (refused.get(answer) ?? 0) + 1);
        }
      } catch {
        await client?.close().catch(() => undefined);
        client = undefined;
      }
    }
    await client?.close();
  };
  const sending = Promise.all(Array.from({ length: beds }, (_, bed) => sendBed(bed)));
  return { acknowledged, refused, stop: async () => { stopped = true; await sending; } };
}

/** Waits, bounded, until so many more were acknowledged; gives how long that took, in ms. */
export async function acknowledgesMore({ acknowledged }: Stream, count: number, limitMs: number): Promise<number> {
  const startedAt = performance.now();
  const wanted = acknowledged.size + count;
  while (acknowledged.size < wanted) {
    if (performance.now() - startedAt > limitMs) throw new Error(`${wanted - acknowledged.size} of ${count} were not acknowledged in time`);
    await sleep(10);
  }
  return performance.now() - startedAt;
}

/** Everything acknowledged was applied, once, and scored; its heart rate is in the record once. */
export async function expectNothingLost({ core: { db } }: Primum, { acknowledged }: Stream): Promise<void> {
  expect(await settled(db, 20_000)).toBe(true);
  const rows = await db.query<{ control_id: string; times: number; facts: number }>(`
    select m.control_id, count(distinct m.id) as times, count(f.n) filter (where f.code = '8867-4') as facts
    from message m left join fact f on f.tenant = m.tenant and f.message_id = m.id where m.status = 'applied' group by m.control_id`, []);
  const applied = new Map(rows.map(({ control_id, times, facts }) => [control_id, { times, facts }]));
  const wrong = [...acknowledged].filter((id) => {
    const row = applied.get(id);
    return row?.times !== 1 || row.facts !== (id.endsWith('-0') ? 0 : 1);
  });
  expect(wrong).toEqual([]);
  const [scored] = await db.query<{ behind: number; patients: number }>(`
    select count(*) as patients, count(*) filter (where predicted < at - interval '2 hours') as behind from (
      select f.patient_id, max(f.effective_at) as at, (select max(p.as_of) from prediction p where p.patient_id = f.patient_id) as predicted
      from fact f group by f.patient_id) each_patient`, []);
  expect(scored).toEqual({ patients: beds, behind: 0 });
}
