import { expect, it } from 'vitest';
import { gaussLegendre } from './gauss-legendre.ts';

it('has the published nodes and weights of four points (Abramowitz & Stegun, table 25.4), moved to [0, 1]', () => {
  const { nodes, weights } = gaussLegendre(4);
  const published = [[0.8611363115940526, 0.3478548451374539], [0.3399810435848563, 0.6521451548625461]] as const;
  published.forEach(([x, w], index) => {
    expect(nodes[index]).toBeCloseTo((1 - x) / 2, 15);
    expect(nodes[3 - index]).toBeCloseTo((1 + x) / 2, 15);
    expect(weights[index]).toBeCloseTo(w / 2, 15);
  });
});

it.each([4, 8, 16, 32])('integrates powers up to 2n − 1 exactly with %i points', (count) => {
  const { nodes, weights } = gaussLegendre(count);
  for (let power = 0; power < 2 * count; power += 1) {
    const integral = nodes.reduce((sum, node, index) => sum + (weights[index] ?? 0) * node ** power, 0);
    expect(Math.abs(integral * (power + 1) - 1)).toBeLessThan(1e-13);
  }
});
