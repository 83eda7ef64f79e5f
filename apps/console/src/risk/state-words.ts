import type { WorklistRow } from '@primum/contract';
import { tierText } from './format-risk.ts';

export type Shape = 'alert' | 'alert-owned' | 'up' | 'down' | 'level' | 'withheld' | 'ineligible' | 'new';

const plain = {
  rising: ['up', 'rising'], steady: ['level', 'steady'], falling: ['down', 'falling'],
  withheld: ['withheld', 'withheld'], ineligible: ['ineligible', 'no score'], new: ['new', 'new'],
} as const satisfies Record<Exclude<WorklistRow['state'], 'alert'>, readonly [Shape, string]>;

/** A row's state as a shape and a word, so that neither depends on colour. An alert that is owned stays an alert. */
export function stateWords({ state, alert }: Pick<WorklistRow, 'state' | 'alert'>): { shape: Shape; word: string } {
  if (alert !== null && alert.status !== 'closed') return { shape: alert.status === 'open' ? 'alert' : 'alert-owned', word: tierText(alert.tier) };
  if (state === 'alert') return { shape: 'alert', word: 'alert' };
  const [shape, word] = plain[state];
  return { shape, word };
}
