import { MISSING_BIN } from './bin-edges.ts';
import { CANDIDATE } from './training-state.ts';

/** A leaf as the split search sees it. Sums are fixed-point integers; a scale turns them into real units. */
export type LeafSums = {
  gradient: number;
  hessian: number;
  gradientUnit: number;
  hessianUnit: number;
  l2: number;
  /** In real units of hessian. */
  minChildWeight: number;
};

/**
 * Best split of one column in one leaf: gain G²ₗ/(Hₗ+λ) + G²ᵣ/(Hᵣ+λ) − G²/(H+λ) (Chen & Guestrin 2016, eq. 7, without
 * the factor ½), over all bins and both directions of the missing values. The last bin as a split asks "present or
 * missing?". Ties go to the lower bin, then to missing right. A leaf without missing values sends them to its heavier
 * child. Writes a CANDIDATE to `out`; gain is −Infinity where no split is allowed.
 */
export function findBestSplit(
  histograms: Int32Array, base: number, binCount: number, sums: LeafSums, out: Float64Array, outBase: number,
): void {
  const { gradient, hessian, gradientUnit, hessianUnit, l2, minChildWeight } = sums;
  const least = minChildWeight / hessianUnit;
  const missingGradient = histograms[base + 2 * MISSING_BIN] as number; // in range: a histogram holds 256 bins
  const missingHessian = histograms[base + 2 * MISSING_BIN + 1] as number;
  const hasMissing = missingGradient !== 0 || missingHessian !== 0;
  const square = (g: number, h: number): number => {
    const denominator = h * hessianUnit + l2;
    return denominator > 0 ? (g * gradientUnit) ** 2 / denominator : 0;
  };
  const whole = square(gradient, hessian);
  let bestGain = -Infinity;
  let bestBin = 0;
  let bestMissingLeft = 0;
  let bestGradient = 0;
  let bestHessian = 0;
  let gradientSum = 0;
  let hessianSum = 0;
  // Without missing values the last bin would leave the right side empty.
  const bins = hasMissing ? binCount : binCount - 1;
  for (let bin = 0; bin < bins; bin += 1) {
    gradientSum += histograms[base + 2 * bin] as number;
    hessianSum += histograms[base + 2 * bin + 1] as number;
    for (let missingLeft = 0; missingLeft <= (hasMissing && bin < binCount - 1 ? 1 : 0); missingLeft += 1) {
      const gradientLeft = missingLeft === 1 ? gradientSum + missingGradient : gradientSum;
      const hessianLeft = missingLeft === 1 ? hessianSum + missingHessian : hessianSum;
      const hessianRight = hessian - hessianLeft;
      if (hessianLeft < least || hessianRight < least || hessianLeft === 0 || hessianRight === 0) continue;
      const gain = square(gradientLeft, hessianLeft) + square(gradient - gradientLeft, hessianRight) - whole;
      if (gain <= bestGain) continue;
      bestGain = gain;
      bestBin = bin;
      bestMissingLeft = hasMissing ? missingLeft : Number(hessianLeft >= hessianRight);
      bestGradient = gradientLeft;
      bestHessian = hessianLeft;
    }
  }
  out[outBase + CANDIDATE.gain] = bestGain;
  out[outBase + CANDIDATE.bin] = bestBin;
  out[outBase + CANDIDATE.missingLeft] = bestMissingLeft;
  out[outBase + CANDIDATE.gradientLeft] = bestGradient;
  out[outBase + CANDIDATE.hessianLeft] = bestHessian;
}
