import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MAX_THRESHOLD } from '@primum/formats';
import { binEdges, binOf } from './bin-edges.ts';

const float = fc.float({ noNaN: true, noDefaultInfinity: true });

it('a value lies in a bin up to b exactly if it is at most edge b', () => {
  fc.assert(
    fc.property(fc.array(float, { maxLength: 400 }), fc.integer({ min: 2, max: 255 }), float, (values, maxBins, probe) => {
      const edges = binEdges(Float32Array.from(values).sort(), maxBins);
      expect(edges.length).toBeLessThanOrEqual(maxBins);
      expect(edges.at(-1)).toBe(MAX_THRESHOLD);
      for (const value of [probe, ...values]) {
        const bin = binOf(value, edges);
        edges.forEach((edge, at) => expect(value <= edge).toBe(bin <= at));
      }
    }),
  );
});

it('gives each of few values a bin of its own, with edges half way', () => {
  expect([...binEdges(Float32Array.of(1, 1, 2, 5, 5), 255)]).toEqual([1.5, 3.5, MAX_THRESHOLD]);
  expect([...binEdges(new Float32Array(0), 255)]).toEqual([MAX_THRESHOLD]);
});

it('holds neighbouring float32 values apart where there is nothing half way', () => {
  const upper = Math.fround(1 + 2 ** -23);
  expect([...binEdges(Float32Array.of(1, upper), 255)]).toEqual([1, MAX_THRESHOLD]);
});

it('shares many values out evenly, and gives a value that fills a bin one of its own', () => {
  const values = Float32Array.from({ length: 10_000 }, (_, at) => (at < 4_000 ? 500 : at - 4_000)).sort();
  const edges = binEdges(values, 100);
  const counts = Array.from(edges, () => 0);
  for (const value of values) counts[binOf(value, edges)] = (counts[binOf(value, edges)] ?? 0) + 1;
  expect(edges.length).toBeGreaterThan(90);
  expect(counts[binOf(500, edges)]).toBe(4_001);
  expect(Math.max(...counts.filter((_, bin) => bin !== binOf(500, edges)))).toBeLessThan(130);
});
