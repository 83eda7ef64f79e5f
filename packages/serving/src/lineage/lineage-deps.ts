import type { ModelPackage } from '@primum/registry';
import type { Db } from '@primum/store';
import type { FindModel } from '../replay/find-model.ts';

/** `models` are those at hand; `maxRows` bounds each single read. */
export type LineageDeps = { db: Db; tenant: number; findModel: FindModel; models: readonly ModelPackage[]; maxRows: number };
