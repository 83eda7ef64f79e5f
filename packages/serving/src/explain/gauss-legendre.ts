/** Nodes and weights of the n-point Gauss–Legendre rule on [0, 1]: exact for polynomials up to degree 2n − 1. */
export type Quadrature = { nodes: Float64Array; weights: Float64Array };

/**
 * Newton's iteration on the Legendre polynomial from Tricomi's guess (Abramowitz & Stegun 25.4.30; Press et al.,
 * Numerical Recipes, 4.6).
 */
export function gaussLegendre(count: number): Quadrature {
  const nodes = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    let x = Math.cos((Math.PI * (index + 0.75)) / (count + 0.5));
    let derivative = 1;
    // Quadratic convergence: five steps reach the last bit from this guess, the rest is margin.
    for (let step = 0; step < 8; step += 1) {
      let previous = 1;
      let value = x;
      for (let degree = 2; degree <= count; degree += 1) {
        [previous, value] = [value, ((2 * degree - 1) * x * value - (degree - 1) * previous) / degree];
      }
      derivative = (count * (x * value - previous)) / (x * x - 1);
      x -= value / derivative;
    }
    nodes[index] = (1 - x) / 2;
    weights[index] = 1 / ((1 - x * x) * derivative * derivative);
  }
  return { nodes, weights };
}
