import { parseMessage, type Hl7Message } from '@primum/formats';
import { describe, expect, it } from 'vitest';
import { readMessage } from '../reading/read-message.ts';
import { message, obr, obx, pid, pv1 } from '../testing/test-ingest.ts';
import { loadV2Mappings } from '../v2-to-fhir/load-tables.ts';
import type { KeptReading } from './kept-reading.ts';
import { readKept } from './read-kept.ts';

const tables = await loadV2Mappings();
const source = { facility: 'F', utcOffset: 0 };

function parsed(text: string): Hl7Message {
  const outcome = parseMessage(text);
  if (!outcome.ok) throw new Error(outcome.problem.code);
  return outcome.message;
}

async function kept(text: string, ownRows: boolean): Promise<KeptReading> {
  const outcome = readMessage(parsed(text), { utcOffset: 0, defaultAuthority: 'F' });
  if (!outcome.ok) throw new Error(outcome.problem.code);
  return readKept(parsed(text), outcome.reading, source, { ...tables, ownRows }, 'id');
}

describe('readKept', () => {
  const vitals = (...more: Parameters<typeof message>[2]): string => message('ORU^R01', '20260105090000', [
    pid('1'), pv1('V', '1'), obr('O', '20260105090000'), obx('HR', '80', 'bpm'), obx('RR', '18', 'rpm'), ...more,
  ]);

  it('of what monitors send keeps nothing but the results, converted or not', async () => {
    for (const ownRows of [false, true]) expect(await kept(vitals(), ownRows)).toMatchObject({ resources: [], unread: [], observations: new Map() });
  });

  it('keeps what a result says besides: notes, who performed it, what it was measured with', async () => {
    const reading = await kept(vitals(['NTE', '1', '', 'after exercise']), false);
    expect([...reading.observations.keys()]).toEqual([2]);
    expect(reading.observations.get(2)?.body['note']).toEqual([{ text: 'after exercise' }]);
  });

  it('names what no table reads', async () => {
    expect((await kept(vitals(['ZMO', 'monitor', 'room']), false)).unread).toEqual(['ZMO|monitor|room']);
  });
});
