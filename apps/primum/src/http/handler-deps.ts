import type { InferenceEngine } from '@primum/inference';
import type { ModelPackage } from '@primum/registry';
import type { Explainer } from '@primum/serving';
import type { Sequencer } from '@primum/store';
import type { Core } from '../core.ts';
import type { Watch } from '../figures.ts';
import type { EventStream } from './event-stream.ts';

export type HandlerDeps = {
  core: Core; model: ModelPackage; engine: InferenceEngine; explainer: Explainer; sequencer: Sequencer;
  events: EventStream; watch: Watch;
  /** Wakes the applier. */
  kick(): void;
};
