import type { ModelSummary } from '@primum/contract';
import { percentText } from './format-risk.ts';
import { riskPosition } from './risk-scale.ts';

export type Thresholds = ModelSummary['thresholds'];
const width = 108;
const height = 9;

/** A risk on the log scale, with a tick at each tier's threshold. Hollow where it isn't the present score. */
export function RiskBar({ probability, thresholds, present }: { probability: number; thresholds: Thresholds; present: boolean }) {
  const x = Math.max(2, riskPosition(probability) * width);
  const over = thresholds.some(({ raise }) => probability >= raise);
  const colour = over ? 'var(--higher)' : 'var(--lower)';
  return (
    <svg width={width + 2} height={height + 4} viewBox={`-1 -2 ${width + 2} ${height + 4}`} aria-hidden="true">
      <rect x="0" y="2" width={width} height={height - 4} fill="var(--raised)" />
      {present
        ? <rect x="0" y="2" width={x} height={height - 4} fill={colour} />
        : <rect x="0.5" y="2.5" width={x} height={height - 5} fill="none" stroke="var(--quiet)" strokeDasharray="2 2" />}
      {thresholds.map(({ tier, raise }) => (
        <line key={tier} x1={riskPosition(raise) * width} x2={riskPosition(raise) * width} y1="-1" y2={height + 1} stroke="var(--text)" strokeWidth={tier === 'high' ? 2 : 1}>
          <title>{`${tier} alert from ${percentText(raise)}`}</title>
        </line>
      ))}
    </svg>
  );
}
