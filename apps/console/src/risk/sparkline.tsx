import type { WorklistRow } from '@primum/contract';
import { percentText } from './format-risk.ts';
import { trendPosition, trendSegments } from './risk-scale.ts';
import type { Thresholds } from './risk-bar.tsx';

const width = 108;
const height = 30;
const hours = 12;

/** The last 12 h of a risk on the log scale, the thresholds dashed, gaps left open. */
export function Sparkline({ trend, thresholds }: { trend: WorklistRow['trend12h']; thresholds: Thresholds }) {
  const segments = trendSegments(trend, hours);
  const yOf = (position: number): number => (1 - position) * height;
  const last = trend.findLast(([, probability]) => probability !== null);
  const end = segments.at(-1)?.at(-1);
  return (
    <svg width={width + 4} height={height + 4} viewBox={`-2 -2 ${width + 4} ${height + 4}`} role="img" aria-label={trendText(trend)}>
      <rect x="0" y="0" width={width} height={height} fill="none" stroke="var(--line)" strokeWidth="0.5" />
      {thresholds.map(({ tier, raise }) => (
        <line key={tier} x1="0" x2={width} y1={yOf(trendPosition(raise))} y2={yOf(trendPosition(raise))} stroke="var(--strong-line)" strokeWidth={tier === 'high' ? 1.2 : 0.7} strokeDasharray="3 2" />
      ))}
      {segments.map((segment) => (segment.length === 1
        ? <circle key={segment[0]?.x} cx={(segment[0]?.x ?? 0) * width} cy={yOf(segment[0]?.y ?? 0)} r="1.2" fill="var(--text)" />
        : <polyline key={segment[0]?.x} points={segment.map(({ x, y }) => `${x * width},${yOf(y)}`).join(' ')} fill="none" stroke="var(--text)" strokeWidth="1.3" strokeLinejoin="round" />))}
      {end !== undefined && last !== undefined && <circle cx={end.x * width} cy={yOf(end.y)} r="2.2" fill={thresholds.some(({ raise }) => (last[1] ?? 0) >= raise) ? 'var(--higher)' : 'var(--lower)'} />}
    </svg>
  );
}

function trendText(trend: WorklistRow['trend12h']): string {
  const scores = trend.flatMap(([, probability]) => probability ?? []);
  const [first, last] = [scores[0], scores.at(-1)];
  if (first === undefined || last === undefined) return 'No score in 12 h';
  return `12 h: from ${percentText(first)} to ${percentText(last)}, highest ${percentText(Math.max(...scores))}`;
}
