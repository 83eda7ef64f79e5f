import type { Series } from '@primum/contract';

const width = 80;
const height = 16;

/** A result's course over the page's interval, its own smallest to its own largest value. The table beside it has the figures. */
export function ValueLine({ points }: { points: Series['points'] }) {
  const known = points.flatMap(({ at, value }) => (value === null ? [] : [{ x: Date.parse(at), y: value }]));
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const lowest = Math.min(...known.map(({ y }) => y));
  const span = Math.max(...known.map(({ y }) => y)) - lowest || 1;
  const place = ({ x, y }: { x: number; y: number }): readonly [number, number] => [((x - first.x) / (last.x - first.x || 1)) * width, height - ((y - lowest) / span) * height];
  const [endX, endY] = place(last);
  return (
    <svg width={width + 4} height={height + 4} viewBox={`-2 -2 ${width + 4} ${height + 4}`} aria-hidden="true">
      <polyline points={known.map((point) => place(point).join(',')).join(' ')} fill="none" stroke="var(--quiet)" strokeWidth="1.2" />
      <circle cx={endX} cy={endY} r="1.8" fill="var(--text)" />
    </svg>
  );
}
