import type { ModelPackage } from '@primum/registry';
import type { Db } from '@primum/store';
import type { Keys } from '@primum/trust';
import type { FindModel } from '../replay/find-model.ts';

/** `models` are those at hand; `codeNames` say codes in clinical words; `maxRows` bounds each single read. */
export type LineageDeps = { db: Db; keys: Pick<Keys, 'token'>; tenant: number; findModel: FindModel; models: readonly ModelPackage[]; codeNames: ReadonlyMap<string, { short: string }>; maxRows: number };

/** Where a component may stand in its Observation: by a code of the timeline, or by its number. */
export const componentPlaces = ({ codeNames }: Pick<LineageDeps, 'codeNames'>): string[] => [...codeNames.keys(), ...Array.from({ length: 10 }, (_unused, n) => String(n))];
