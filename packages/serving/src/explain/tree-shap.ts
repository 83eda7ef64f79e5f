import { PrimumError } from '@primum/base';
import { predictMargins, type TreeEnsemble } from '@primum/formats';
import { gaussLegendre } from './gauss-legendre.ts';
import { expectedMargin, leafPathsOf, MAX_TERMS, type LeafPaths } from './leaf-paths.ts';

/** How a score came about: margin = expected + Σ contributions, in calibrated log-odds. */
export type Explanation = {
  /** One number per column. */
  contributions: Float64Array;
  /** The margin before anything is known about the row. */
  expected: number;
  margin: number;
};

/** Explains one row (float32, NaN = missing). Throws `model.additivity-failed`, `features.invalid`. */
export type TreeShap = (row: Float32Array) => Explanation;

/** Relative to the sum of the parts' sizes (at least 1), which rounding errors scale with. */
const ADDITIVITY_TOLERANCE = 1e-9;
/** Quadrature points that one pass of the kernel carries. */
const LANES = 4;

/**
 * Exact Shapley values of the path-dependent tree expectation (TreeSHAP: Lundberg et al. 2018, arXiv 1802.03888;
 * Lundberg et al. 2020, Nature Machine Intelligence 2, 56), computed leaf by leaf.
 *
 * A leaf with value v is a product game: with a set S of columns known it counts v · Π over its terms of (o where the
 * term's column is in S, else z), where o ∈ {0, 1} says whether the row meets the term and z is the share of training
 * weight that does. The Shapley value is the integral of the multilinear extension's derivative along the diagonal
 * (Owen 1972, Management Science 18, P-64):
 *
 *     φⱼ = v ∫₀¹ (oⱼ − zⱼ) Π_{i≠j} (t·oᵢ + (1−t)·zᵢ) dt
 *
 * The integrand is a polynomial of degree m − 1 in t for m terms, so an n-point Gauss–Legendre rule with 2n ≥ m is
 * exact. All factors are positive: nothing cancels, where the EXTEND/UNWIND recursion of the paper subtracts. For a
 * term that is not met, (0 − z)/((1−t)z) = −1/(1−t) whatever z is: all of them get the same number. Cost per leaf is
 * O(m · ⌈m/8⌉) in kernels of four points.
 *
 * Each call checks that the parts sum to the margin that a plain walk of the trees gives.
 */
export function createTreeShap(ensemble: TreeEnsemble): TreeShap {
  const paths = leafPathsOf(ensemble);
  const expected = expectedMargin(ensemble);
  const passes = quadraturePasses();
  const { featureCount } = ensemble;
  const met = new Uint8Array(MAX_TERMS);
  return (row) => {
    if (row.length !== featureCount) throw new PrimumError('features.invalid', `${row.length} values for ${featureCount} columns`);
    const contributions = new Float64Array(featureCount);
    for (let leaf = 0; leaf < paths.leafCount; leaf += 1) {
      const start = paths.termStart[leaf] as number; // one more start than leaves
      const end = paths.termStart[leaf + 1] as number;
      meetTerms(paths, start, end, row, met);
      for (const pass of passes[Math.ceil((end - start) / (2 * LANES))] ?? []) {
        addLeaf(paths, leaf, start, end, met, pass, contributions);
      }
    }
    const margin = predictMargins(ensemble, row)[0] ?? NaN;
    const explanation = { contributions, expected, margin };
    const size = contributions.reduce((sum, part) => sum + Math.abs(part), Math.max(1, Math.abs(expected)));
    checkAdditivity(explanation, margin, ADDITIVITY_TOLERANCE * size);
    return explanation;
  };
}

/**
 * Throws `model.additivity-failed` unless the parts sum to `margin` within `tolerance` log-odds. Also for the margin
 * that was served, which ONNX Runtime gives as float32.
 */
export function checkAdditivity({ contributions, expected }: Explanation, margin: number, tolerance: number): void {
  const gap = Math.abs(contributions.reduce((sum, part) => sum + part, expected) - margin);
  if (!(gap <= tolerance)) throw new PrimumError('model.additivity-failed', `off by ${gap.toExponential(1)} log-odds`);
}

/** Marks which terms of a leaf the row meets. */
function meetTerms(paths: LeafPaths, start: number, end: number, row: Float32Array, met: Uint8Array): void {
  const { column, above, upTo, missingMeets } = paths;
  // Index casts here and below: terms and columns are in range by construction; this runs for every term.
  for (let term = start; term < end; term += 1) {
    const value = row[column[term] as number] as number;
    const meets = value === value ? Number(value > (above[term] as number) && value <= (upTo[term] as number)) : (missingMeets[term] as number);
    met[term - start] = meets;
  }
}

/** Four quadrature points and their weights, as plain fields: the kernel reads them for every leaf. */
type Pass = { t0: number; t1: number; t2: number; t3: number; w0: number; w1: number; w2: number; w3: number };

/** passes[n] integrates paths of up to 8n terms. */
function quadraturePasses(): Pass[][] {
  const passes: Pass[][] = [[]];
  for (let count = 1; count * 2 * LANES <= MAX_TERMS; count += 1) {
    const { nodes, weights } = gaussLegendre(count * LANES);
    passes.push(
      Array.from({ length: count }, (_, pass) => {
        const [t0 = 0, t1 = 0, t2 = 0, t3 = 0] = nodes.subarray(pass * LANES);
        const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = weights.subarray(pass * LANES);
        return { t0, t1, t2, t3, w0, w1, w2, w3 };
      }),
    );
  }
  return passes;
}

function addLeaf(
  { column, share, value }: LeafPaths, leaf: number, start: number, end: number,
  met: Uint8Array, { t0, t1, t2, t3, w0, w1, w2, w3 }: Pass, contributions: Float64Array,
): void {
  const u0 = 1 - t0;
  const u1 = 1 - t1;
  const u2 = 1 - t2;
  const u3 = 1 - t3;
  const scale = value[leaf] as number;
  let p0 = scale * w0;
  let p1 = scale * w1;
  let p2 = scale * w2;
  let p3 = scale * w3;
  for (let term = start; term < end; term += 1) {
    const z = share[term] as number;
    const o = met[term - start] as number;
    p0 *= o * t0 + u0 * z;
    p1 *= o * t1 + u1 * z;
    p2 *= o * t2 + u2 * z;
    p3 *= o * t3 + u3 * z;
  }
  const unmet = -(p0 / u0 + p1 / u1 + p2 / u2 + p3 / u3);
  for (let term = start; term < end; term += 1) {
    const at = column[term] as number;
    let part = unmet;
    if (met[term - start] === 1) {
      const z = share[term] as number;
      part = (1 - z) * (p0 / (t0 + u0 * z) + p1 / (t1 + u1 * z) + p2 / (t2 + u2 * z) + p3 / (t3 + u3 * z));
    }
    contributions[at] = (contributions[at] as number) + part;
  }
}
