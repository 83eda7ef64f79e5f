export { type TreeEnsemble, type Tree, type Calibration, LEAF, MAX_THRESHOLD, slopeOf, interceptOf } from './trees/tree-ensemble.ts';
export { predictMargins, sigmoid } from './trees/predict-margins.ts';
export { ensembleToJson, ensembleFromJson, type TreeEnsembleJson } from './trees/tree-json.ts';
export { treeEnsembleToOnnx, type TreeOnnxOptions, ONNX_FEATURES, ONNX_MARGIN, ONNX_PROBABILITY } from './onnx/tree-ensemble-to-onnx.ts';
