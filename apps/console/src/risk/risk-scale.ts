/**
 * Probabilities on a log scale from 0.1 % to 100 %: half of the patients lie under 1 %, so that on a linear scale
 * every bar looks empty and a rise from 1 % to 4 % can't be seen.
 */
const lowest = 0.001;
const decades = 3;

/** Where a probability lies on the scale, 0 to 1; what is off the scale stands at its end. */
export function riskPosition(probability: number): number {
  if (!(probability > lowest)) return 0;
  return Math.min(1, 1 + Math.log10(probability) / decades);
}

/** The part of the scale that a 12 h trend is drawn on: narrower, so that a doubling can be seen in 30 px. */
export function trendPosition(probability: number): number {
  const [low, high] = [riskPosition(0.002), riskPosition(0.6)];
  return Math.min(1, Math.max(0, (riskPosition(probability) - low) / (high - low)));
}

export const riskScale = { min: lowest, max: 1, splits: [0.001, 0.01, 0.1, 1] } as const;

/** Points of a trend as the segments of a line: a gap in the data is a gap in the line. Positions are 0 to 1. */
export function trendSegments(trend: readonly (readonly [hour: number, probability: number | null])[], hours: number): { x: number; y: number }[][] {
  const segments: { x: number; y: number }[][] = [];
  let open: { x: number; y: number }[] | undefined;
  for (const [hour, probability] of trend) {
    if (probability === null) {
      open = undefined;
      continue;
    }
    if (open === undefined) segments.push(open = []);
    open.push({ x: Math.min(1, Math.max(0, 1 + hour / hours)), y: trendPosition(probability) });
  }
  return segments;
}
