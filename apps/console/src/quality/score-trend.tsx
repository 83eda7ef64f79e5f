import { isLow, trendText, type Score } from './score-words.ts';

const width = 70;
const height = 18;
const foot = 0.8;

/** A bar a day, from 80 % to 100 %: what is lower stands at the foot. A day without data is a gap. */
export function ScoreTrend({ days }: { days: readonly Score[] }) {
  const step = width / days.length;
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={trendText(days)}>
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} stroke="var(--line)" />
      {days.map((score, day) => {
        if (score.value === null) return null;
        const tall = Math.max(2, (score.value - foot) / (1 - foot) * (height - 1));
        return <rect key={day} x={day * step + 0.5} width={step - 1} y={height - 1 - tall} height={tall} fill={isLow(score) ? 'var(--higher)' : 'var(--strong-line)'} />;
      })}
    </svg>
  );
}
