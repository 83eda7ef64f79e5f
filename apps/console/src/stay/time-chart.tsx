import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { riskScale } from '../risk/risk-scale.ts';
import { dateText, timeText } from '../time/ward-clock.ts';
import { valueAt, type Line } from './open-gaps.ts';
import styles from './stay.module.css';

export type Mark = { at: number; symbol: string };
type Props = {
  title: string;
  /** A sentence for those who can't see the drawing. */
  summary: string;
  line: Line;
  /** Shown interval, seconds. All charts of a page get the same one, and the same left margin, so that times align. */
  from: number;
  to: number;
  height: number;
  format: (value: number) => string;
  logRisk?: boolean;
  thresholds?: readonly number[];
  marks?: readonly Mark[];
  timeLabels: boolean;
};

const leftMargin = 56;

/** One line over time. The pointer's moment is shared by every chart of the page. */
export function TimeChart(props: Props) {
  const { title, summary, line, from, to, height, format } = props;
  const scheme = useComputedColorScheme('dark', { getInitialValueInEffect: false });
  const holder = useRef<HTMLDivElement>(null);
  const reading = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot>(null);
  const latest = useRef(props);
  useEffect(() => { latest.current = props; });

  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(latest, element, (text) => { if (reading.current !== null) reading.current.textContent = text; }), [[], []], element);
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: latest.current.height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [scheme, height]);

  useEffect(() => {
    plot.current?.setData([line.x, line.y], false);
    plot.current?.setScale('x', { min: from, max: to });
  }, [line, from, to, scheme, height]);

  const last = valueAt(line, to);
  return (
    <figure className={styles['chart']}>
      <figcaption>
        {title} <span className="quiet">{last?.y === undefined || last.y === null ? '' : `last ${format(last.y)}`}</span> <span ref={reading} className={styles['reading']} />
      </figcaption>
      <div ref={holder} role="img" aria-label={`${title}: ${summary}`} />
    </figure>
  );
}

function optionsOf(latest: { current: Props }, element: HTMLElement, read: (text: string) => void): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name);
  const { height, logRisk = false, timeLabels } = latest.current;
  const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 0.5 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    padding: [6, 10, timeLabels ? 0 : 4, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    cursor: { sync: { key: 'stay', setSeries: false }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true, auto: false },
      y: logRisk ? { distr: 3, range: [riskScale.min, riskScale.max] } : { range: (_, min, max) => uPlot.rangeNum(min ?? 0, max ?? 1, 0.15, true) },
    },
    axes: [
      { ...axis, show: timeLabels, size: 22, values: (_, splits) => splits.map((seconds) => (seconds % 86_400 === 0 ? dateText(seconds * 1000) : timeText(seconds * 1000))), space: 60 },
      {
        ...axis,
        size: leftMargin,
        space: 22,
        ...(logRisk ? { splits: () => [...riskScale.splits], filter: (_: uPlot, splits: number[]) => splits } : {}),
        values: (_, splits) => splits.map((value) => (logRisk ? `${value * 100} %` : String(Number(value.toFixed(2))))),
      },
    ],
    series: [{}, { stroke: colour('--lower'), width: 1.6, spanGaps: false, points: { show: true, size: 3.5, fill: colour('--lower') } }],
    hooks: {
      draw: [(plot) => drawThresholds(plot, latest.current.thresholds ?? [], colour('--text')), (plot) => drawMarks(plot, latest.current.marks ?? [], colour('--strong-line'), colour('--text'))],
      setCursor: [(plot) => {
        const left = plot.cursor.left ?? -1;
        const found = left < 0 ? null : valueAt(latest.current.line, plot.posToVal(left, 'x'));
        read(found === null ? '' : `${timeText(found.x * 1000)}: ${found.y === null ? 'no value' : latest.current.format(found.y)}`);
      }],
    },
  };
}

function drawThresholds(plot: uPlot, thresholds: readonly number[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const value of thresholds) {
    const y = plot.valToPos(value, 'y', true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

/** A line with a symbol on its head for each thing that happened; the list beneath the chart says what it was. */
function drawMarks(plot: uPlot, marks: readonly Mark[], lineColour: string, textColour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  for (const { at, symbol } of marks) {
    const x = plot.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = lineColour;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + 14 * devicePixelRatio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillStyle = textColour;
    ctx.fillText(symbol, x, bbox.top);
  }
  ctx.restore();
}
