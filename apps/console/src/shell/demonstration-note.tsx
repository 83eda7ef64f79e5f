import type { Mode } from '@primum/contract';

/** Stands on every page, in the packs' own words. Before sign-in nothing is known of the home but that its model is one. */
export function DemonstrationNote({ mode }: { mode?: Mode }) {
  return <span className="quiet">{mode === 'demonstration' ? '' : 'its model is a '}demonstration, not for clinical use</span>;
}
