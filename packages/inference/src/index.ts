export type { InferenceEngine, Scores } from './engine.ts';
export { createOnnxEngine, type OnnxEngineOptions } from './onnx-engine.ts';
export { createComputePool, type ComputePool, type ComputePoolOptions } from './compute-pool.ts';
export { answerRequests, type Computed } from './compute-protocol.ts';
