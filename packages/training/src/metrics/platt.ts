import type { Calibration } from '@primum/formats';

/**
 * Logistic regression of the label on a margin, logit P(y = 1) = slope · margin + intercept, by Newton's method
 * (Platt 1999 without his target smoothing, which matters for small samples only; the same fit is Cox's calibration
 * regression). `rows` restricts the fit.
 */
export function fitPlatt(margins: Float64Array, labels: Uint8Array, rows?: Uint32Array): Calibration {
  let slope = 1;
  let intercept = 0;
  for (let iteration = 0; iteration < 50; iteration += 1) {
    const sums = logisticSums(margins, labels, slope, intercept, rows);
    const { dSlope, dIntercept } = newtonStep(sums);
    slope += dSlope;
    intercept += dIntercept;
    if (Math.abs(dSlope) + Math.abs(dIntercept) < 1e-10) break;
  }
  return { slope, intercept };
}

/** Intercept alone, the slope held at 1: calibration in the large (Van Calster et al. 2016). */
export function fitIntercept(margins: Float64Array, labels: Uint8Array): number {
  let intercept = 0;
  for (let iteration = 0; iteration < 50; iteration += 1) {
    const { gradient0, hessian00 } = logisticSums(margins, labels, 1, intercept);
    const step = gradient0 / hessian00;
    intercept += step;
    if (Math.abs(step) < 1e-10) break;
  }
  return intercept;
}

/** Gradient and negative Hessian of the log-likelihood; 0 is the intercept, 1 the slope. */
export type LogisticSums = { gradient0: number; gradient1: number; hessian00: number; hessian01: number; hessian11: number };

export function logisticSums(margins: Float64Array, labels: Uint8Array, slope: number, intercept: number, rows?: Uint32Array): LogisticSums {
  const sums = { gradient0: 0, gradient1: 0, hessian00: 0, hessian01: 0, hessian11: 0 };
  const count = rows?.length ?? labels.length;
  for (let at = 0; at < count; at += 1) addRow(sums, margins, labels, slope, intercept, rows === undefined ? at : rows[at]!);
  return sums;
}

export function addRow(sums: LogisticSums, margins: Float64Array, labels: Uint8Array, slope: number, intercept: number, row: number): void {
  const x = margins[row]!;
  const p = 1 / (1 + Math.exp(-(slope * x + intercept)));
  const residual = labels[row]! - p;
  const w = p * (1 - p);
  sums.gradient0 += residual;
  sums.gradient1 += residual * x;
  sums.hessian00 += w;
  sums.hessian01 += w * x;
  sums.hessian11 += w * x * x;
}

export function newtonStep({ gradient0, gradient1, hessian00, hessian01, hessian11 }: LogisticSums): { dSlope: number; dIntercept: number } {
  const determinant = hessian00 * hessian11 - hessian01 * hessian01;
  return {
    dIntercept: (hessian11 * gradient0 - hessian01 * gradient1) / determinant,
    dSlope: (hessian00 * gradient1 - hessian01 * gradient0) / determinant,
  };
}
