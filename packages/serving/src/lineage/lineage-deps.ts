import type { ModelPackage } from '@primum/registry';
import type { Db } from '@primum/store';
import type { FindModel } from '../replay/find-model.ts';

/** `models` are those at hand; `codeNames` say codes in clinical words; `maxRows` bounds each single read. */
export type LineageDeps = { db: Db; tenant: number; findModel: FindModel; models: readonly ModelPackage[]; codeNames: ReadonlyMap<string, { short: string }>; maxRows: number };
