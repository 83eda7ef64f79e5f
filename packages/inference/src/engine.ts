/** Scores of a batch of rows. */
export type Scores = {
  /** Calibrated log-odds per row. */
  margin: Float32Array;
  probability: Float32Array;
};

/**
 * The inference port. A model is an ONNX graph with one input, `features` float [N, d] (NaN = missing), and two float
 * outputs of one number per row, `margin` and `probability`. Models are named by their digest; whoever loads one has
 * verified it. The same rows give the same bits on the same runtime, alone or in a batch.
 */
export type InferenceEngine = AsyncDisposable & {
  /** Name and version of what computes, for the prediction record. */
  runtime: string;
  /** Throws `model.package-invalid` where the bytes are not such a model. Loading twice is loading once. */
  load: (digest: string, onnx: Uint8Array) => Promise<{ featureCount: number }>;
  unload: (digest: string) => Promise<void>;
  /**
   * `rows` is row-major rowCount × d. Throws `model.not-loaded`, `features.invalid`, `compute.overloaded`,
   * `compute.failed`.
   */
  run: (digest: string, rows: Float32Array, rowCount: number) => Promise<Scores>;
  close: () => Promise<void>;
};
