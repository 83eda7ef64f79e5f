import fc from 'fast-check';
import type { Fact } from '@primum/record';
import { expect, it } from 'vitest';
import { addFacts, hexOf, noFacts } from './facts-digest.ts';

const rows = fc.uniqueArray(fc.record({
  key: fc.uuid(), code: fc.constantFrom('a', 'b'), value: fc.option(fc.double({ noNaN: true })), effectiveAt: fc.nat(), seq: fc.nat(),
  status: fc.constantFrom<Fact['status']>('final', 'corrected', 'retracted'),
}), { selector: ({ key }) => key, minLength: 1, maxLength: 20 });
const digestOf = (facts: readonly Fact[]): string => hexOf(addFacts(noFacts(), facts));

it('does not depend on the order nor on how rows came in, and any altered row shows', () => {
  fc.assert(fc.property(rows, fc.nat(), (facts, cut) => {
    const at = cut % facts.length;
    expect(hexOf(addFacts(addFacts(noFacts(), facts.slice(at).toReversed()), facts.slice(0, at)))).toBe(digestOf(facts));
    expect(digestOf(facts.map((fact, index) => (index === at ? { ...fact, seq: fact.seq + 1 } : fact)))).not.toBe(digestOf(facts));
    expect(digestOf(facts.slice(1))).not.toBe(digestOf(facts));
  }));
});
