import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { component, field, parseMessage, parseTs, segmentNamed, segmentsNamed, type Hl7Message } from '@primum/formats';
import { loadMappings, type MappingTable } from '@primum/ingest';
import { normaliseValue, parseCodeTable } from '@primum/record';
import { beforeAll, describe, expect, it } from 'vitest';
import { wardSenders, type WardMessage } from '../apps/primum/src/ward-simulator/messages.ts';
import { planStay, simulateStay } from '../apps/primum/src/ward-simulator/stay.ts';
import { demonstrationSeed } from '../apps/primum/src/ward-simulator/ward-file.ts';
import { wardMessages } from '../apps/primum/src/ward-simulator/ward.ts';

const epoch = Date.UTC(2026, 6, 1, 18);
const hourMs = 3_600_000;
const codes = parseCodeTable(JSON.parse(readFileSync(join(import.meta.dirname, '..', 'packs', 'sepsis', 'codes.json'), 'utf8')));

function take(count: number, seed = demonstrationSeed, at = epoch): WardMessage[] {
  const taken: WardMessage[] = [];
  for (const message of wardMessages(seed, at)) {
    if (taken.push(message) === count) return taken;
  }
  return taken;
}

const digest = (messages: readonly WardMessage[]): string => createHash('sha256').update(JSON.stringify(messages)).digest('hex');

function parsed(text: string): Hl7Message {
  const message = parseMessage(text);
  if (!message.ok) throw new Error('a ward message cannot be parsed');
  return message.message;
}
const part = (message: Hl7Message, name: string, number: number): string => {
  const segment = segmentNamed(message, name);
  return segment === undefined ? '' : component(segment, number);
};

describe('the simulated ward', () => {
  const messages = take(12_000);

  it('is a function of its seed and epoch: again the same bytes, from any moment on the same rest', () => {
    expect(digest(take(messages.length))).toBe(digest(messages));
    expect(digest(take(500, demonstrationSeed + 1))).not.toBe(digest(messages.slice(0, 500)));
    const from = epoch + 5 * hourMs;
    const resumed: WardMessage[] = [];
    for (const message of wardMessages(demonstrationSeed, epoch)) {
      if (message.sentAt < from) continue;
      if (resumed.push(message) === 2_000) break;
    }
    expect(digest(resumed)).toBe(digest(messages.filter(({ sentAt }) => sentAt >= from).slice(0, 2_000)));
  });

  it('sends in the order of its clock, and names no message twice', () => {
    expect(messages.every(({ sentAt }, index) => index === 0 || messages[index - 1]!.sentAt <= sentAt)).toBe(true);
    expect(new Set(messages.map(({ sender, controlId }) => `${sender} ${controlId}`)).size).toBe(messages.length);
  });

  it('has a past of at most 2,500 messages, with 24 patients in their beds when it goes live', () => {
    const past = messages.filter(({ sentAt }) => sentAt <= epoch);
    expect(past.length).toBeGreaterThan(1_000);
    expect(past.length).toBeLessThanOrEqual(2_500);
    const beds = past.filter(({ sender }) => sender === wardSenders.adt).map(({ text }) => component(segmentNamed(parsed(text), 'PV1')!, 3, { comp: 3 }));
    expect(new Set(beds).size).toBe(24);
  });

  it('admits before it sends results, and sends nothing after a discharge', () => {
    const state = new Map<string, 'in' | 'out'>();
    const wrong: string[] = [];
    for (const { text } of messages) {
      const message = parsed(text);
      const visit = part(message, 'PV1', 19);
      const trigger = component(segmentNamed(message, 'MSH')!, 9, { comp: 2 });
      if (state.get(visit) !== (trigger === 'A01' ? undefined : 'in')) wrong.push(`${visit} ${trigger} ${state.get(visit)}`);
      state.set(visit, trigger === 'A03' ? 'out' : 'in');
    }
    expect(wrong).toEqual([]);
    expect([...state.values()].filter((is) => is === 'out').length).toBeGreaterThan(10);
  });

  it('never has two patients in a bed', () => {
    const beds = new Map<string, string>();
    const wrong: string[] = [];
    for (const { text } of messages.filter(({ sender }) => sender === wardSenders.adt)) {
      const message = parsed(text);
      const [trigger, bed, visit] = [component(segmentNamed(message, 'MSH')!, 9, { comp: 2 }), component(segmentNamed(message, 'PV1')!, 3, { comp: 3 }), part(message, 'PV1', 19)];
      if (trigger === 'A01' ? beds.has(bed) : beds.get(bed) !== visit) wrong.push(`${trigger} ${bed} ${visit}`);
      if (trigger === 'A01') beds.set(bed, visit);
      if (trigger === 'A03') beds.delete(bed);
    }
    expect(wrong).toEqual([]);
    expect(beds.size).toBeGreaterThan(12);
  });
});

describe('simulated stays', () => {
  it('are septic in about 7 of 100, the others mostly what sepsis is mistaken for', () => {
    const count = 2_000;
    const kinds = Array.from({ length: count }, (_, index) => planStay({ seed: 5, bed: 1 + (index % 24), turn: Math.floor(index / 24), admittedAt: epoch }).course.kind);
    const share = (kind: string): number => kinds.filter((is) => is === kind).length / count;
    // Three standard deviations of a share of 7 % of 2,000 are 1.7 points.
    expect(Math.abs(share('sepsis') - 0.07)).toBeLessThan(0.017);
    expect(new Set(kinds).size).toBe(7);
    expect(share('observation')).toBeLessThan(0.5);
  });

  describe('as messages', () => {
    let mapping: MappingTable;
    const stays = Array.from({ length: 40 }, (_, index) => simulateStay({ seed: 9, bed: 1 + (index % 24), turn: Math.floor(index / 24), admittedAt: epoch }));
    beforeAll(async () => { mapping = (await loadMappings(codes)).get('ward-simulator')!; });

    it('say when a value was true, no later than they are sent, within the stay', () => {
      for (const { messages, endsAt } of stays) {
        for (const { text, sentAt } of messages) {
          for (const obx of segmentsNamed(parsed(text), 'OBX')) {
            const at = parseTs(field(obx, 14), { defaultOffsetMinutes: 0 });
            expect(at.ok && at.instant.getTime() >= epoch && at.instant.getTime() <= sentAt && sentAt <= endsAt).toBe(true);
          }
        }
      }
    });

    it('use local codes and units that the mapping knows, ectopic beats alone left out', () => {
      const unmapped = new Set<string>();
      for (const { text } of stays.flatMap(({ messages }) => messages)) {
        for (const obx of segmentsNamed(parsed(text), 'OBX')) {
          const [code, unit] = [component(obx, 3), component(obx, 6)];
          if (!mapping.codes.has(code)) unmapped.add(code);
          else if (unit !== '' && !mapping.units.has(unit)) unmapped.add(`${code} ${unit}`);
        }
      }
      expect([...unmapped]).toEqual(['PVC']);
    });

    it('hold values that a patient can have, but for the artefacts of a probe, a cable and a flushed line', () => {
      const odd = new Map<string, number>();
      let values = 0;
      for (const { text } of stays.flatMap(({ messages }) => messages)) {
        for (const obx of segmentsNamed(parsed(text), 'OBX')) {
          const mapped = mapping.codes.get(component(obx, 3));
          if (mapped === undefined || mapped.values !== undefined) continue;
          values += 1;
          const sentUnit = component(obx, 6);
          const { flag } = normaliseValue(codes, { source: mapping.codeSource, code: mapped.code, value: Number(component(obx, 5)), unit: sentUnit === '' ? mapped.unit! : mapping.units.get(sentUnit)! });
          const what = `${component(obx, 3)} ${component(obx, 5)}`;
          if (flag !== undefined) odd.set(what, (odd.get(what) ?? 0) + 1);
        }
      }
      expect(values).toBeGreaterThan(50_000);
      expect([...odd.keys()].filter((what) => !['SPO2 12', 'ABPM 299', 'HR 0'].includes(what))).toEqual([]);
      expect(odd.size).toBeGreaterThan(0);
      expect([...odd.values()].reduce((sum, count) => sum + count, 0) / values).toBeLessThan(0.01);
    });
  });
});
