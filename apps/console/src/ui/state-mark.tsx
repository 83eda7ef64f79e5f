import type { Shape } from '../risk/state-words.ts';

const drawings: Record<Shape, { path: string; filled: boolean; colour: string; dashed?: boolean }> = {
  alert: { path: 'M7 1.5 13 12.5H1Z', filled: true, colour: 'var(--higher)' },
  'alert-owned': { path: 'M7 1.5 13 12.5H1Z', filled: false, colour: 'var(--higher)' },
  up: { path: 'M2 12 L12 2 M5 2 H12 V9', filled: false, colour: 'var(--higher)' },
  down: { path: 'M2 2 L12 12 M12 5 V12 H5', filled: false, colour: 'var(--lower)' },
  level: { path: 'M1.5 7 H12.5', filled: false, colour: 'var(--quiet)' },
  withheld: { path: 'M7 1.5 A5.5 5.5 0 1 1 6.99 1.5', filled: false, colour: 'var(--quiet)', dashed: true },
  ineligible: { path: 'M7 1.5 A5.5 5.5 0 1 1 6.99 1.5 M3.2 10.8 L10.8 3.2', filled: false, colour: 'var(--quiet)' },
  new: { path: 'M7 2 V12 M2 7 H12', filled: false, colour: 'var(--quiet)' },
};

/** A state's shape, 14 px. The word always stands beside it, so the drawing itself is silent. */
export function StateMark({ shape }: { shape: Shape }) {
  const { path, filled, colour, dashed } = drawings[shape];
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" data-shape={shape}>
      <path d={path} fill={filled ? colour : 'none'} stroke={colour} strokeWidth="1.6" strokeDasharray={dashed === true ? '2.2 2' : undefined} />
    </svg>
  );
}

/** A small clock: beside every value that is past its age. */
export function ClockMark() {
  return (
    <svg width="11" height="11" viewBox="0 0 12 12" aria-hidden="true">
      <path d="M6 1 A5 5 0 1 1 5.99 1 M6 3 V6.3 L8.2 7.6" fill="none" stroke="currentColor" strokeWidth="1.3" />
    </svg>
  );
}

/** Points up and orange for what raises a score, down and blue for what lowers it; the word is for ears. */
export function DirectionMark({ raises, word }: { raises: boolean; word: string }) {
  return (
    <>
      <svg width="9" height="9" viewBox="0 0 10 10" aria-hidden="true">
        <path d={raises ? 'M5 1 9.5 9H.5Z' : 'M5 9 .5 1H9.5Z'} fill={raises ? 'var(--higher)' : 'var(--lower)'} />
      </svg>
      <span className="unseen">{word}</span>
    </>
  );
}
