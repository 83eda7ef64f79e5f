import type { Annotation } from '@primum/contract';

/** A symbol and a word for each kind of thing that is drawn on the risk's trend. */
export const annotationKinds: Readonly<Record<Annotation['kind'], { symbol: string; word: string }>> = {
  alert: { symbol: '▲', word: 'alert' },
  'tier-rose': { symbol: '⇑', word: 'tier rose' },
  acknowledged: { symbol: '✓', word: 'acknowledged' },
  snoozed: { symbol: 'z', word: 'snoozed' },
  closed: { symbol: '□', word: 'alert closed' },
  correction: { symbol: '≠', word: 'correction' },
  'model-change': { symbol: 'M', word: 'model changed' },
  'evidence-withdrawn': { symbol: '⊘', word: 'evidence withdrawn' },
};
