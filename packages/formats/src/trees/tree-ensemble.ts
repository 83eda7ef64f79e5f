/**
 * A gradient-boosted tree ensemble for a binary outcome, as plain data. It stands below training and serving because
 * the trainer writes it, the ONNX writer translates it, and TreeSHAP reads the covers that ONNX has no place for.
 *
 * Score of a row x (float32 values, NaN = missing), in log-odds ("margin"):
 *
 *     raw    = baseScore + Σ over trees of value[leaf(x)]         summed in float64, in tree order
 *     margin = calibration.slope · raw + calibration.intercept    (Platt scaling; slope 1, intercept 0 without one)
 *     probability = 1 / (1 + e^−margin)
 *
 * At an inner node: a missing value goes left where missingLeft is 1; otherwise x ≤ threshold goes left.
 */
export type TreeEnsemble = {
  featureCount: number;
  /** Log-odds that every row starts from. */
  baseScore: number;
  trees: Tree[];
  calibration?: Calibration;
};

/** Platt scaling of the margin (Platt 1999): both numbers apply to log-odds, so contributions scale by the slope. */
export type Calibration = { slope: number; intercept: number };

/** One tree in parallel arrays over nodes; node 0 is the root and children stand after their parent. */
export type Tree = {
  /** Column that the node splits on; −1 marks a leaf. */
  feature: Int32Array;
  threshold: Float32Array;
  left: Int32Array;
  right: Int32Array;
  /** 1 where a missing value goes left. */
  missingLeft: Uint8Array;
  /** Leaf's contribution to the raw score in log-odds, learning rate included; 0 at inner nodes. */
  value: Float32Array;
  /** Sum of the training rows' weights that reached the node. */
  cover: Float64Array;
};

export const LEAF = -1;

/** Thresholds are float32; this one sends every present value left, so that a split can ask "was it measured?". */
export const MAX_THRESHOLD = 3.4028234663852886e38;

export function slopeOf(ensemble: TreeEnsemble): number {
  return ensemble.calibration?.slope ?? 1;
}

export function interceptOf(ensemble: TreeEnsemble): number {
  return ensemble.calibration?.intercept ?? 0;
}
