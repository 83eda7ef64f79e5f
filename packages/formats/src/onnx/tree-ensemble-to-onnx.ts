import { interceptOf, LEAF, slopeOf, type TreeEnsemble } from '../trees/tree-ensemble.ts';
import { ELEMENT_TYPE, encodeOnnxModel, type OnnxAttribute, type OnnxNode } from './onnx-model.ts';

export type TreeOnnxOptions = { graphName: string; metadata?: Record<string, string> };

/** Names in the graph: one input, two outputs. */
export const ONNX_FEATURES = 'features';
export const ONNX_MARGIN = 'margin';
export const ONNX_PROBABILITY = 'probability';

/**
 * A tree ensemble as an ONNX model: `features` float [N, featureCount] (NaN = missing) → `margin` float [N, 1]
 * (calibrated log-odds) and `probability` float [N, 1].
 *
 * The trees are one ai.onnx.ml 3 TreeEnsembleRegressor with BRANCH_LEQ nodes; a missing value takes the true branch
 * where nodes_missing_value_tracks_true is 1. It is given the features as doubles: ONNX Runtime then adds the leaves
 * in float64, where float32 sums over a few hundred trees stray by more than 1e-6 in probability. Comparisons are the
 * same as with float32, for both sides of each are float32 values.
 */
export function treeEnsembleToOnnx(ensemble: TreeEnsemble, { graphName, metadata = {} }: TreeOnnxOptions): Uint8Array {
  return encodeOnnxModel({
    graphName,
    opsets: [{ domain: '', version: 17 }, { domain: 'ai.onnx.ml', version: 3 }],
    inputs: [{ name: ONNX_FEATURES, type: 'float', shape: ['N', ensemble.featureCount] }],
    outputs: [
      { name: ONNX_MARGIN, type: 'float', shape: ['N', 1] },
      { name: ONNX_PROBABILITY, type: 'float', shape: ['N', 1] },
    ],
    initializers: [
      { name: 'slope', dims: [1], values: Float64Array.of(slopeOf(ensemble)) },
      { name: 'intercept', dims: [1], values: Float64Array.of(interceptOf(ensemble)) },
    ],
    nodes: graphNodes(ensemble),
    metadata,
  });
}

function graphNodes(ensemble: TreeEnsemble): OnnxNode[] {
  const cast = (input: string, output: string, to: keyof typeof ELEMENT_TYPE): OnnxNode =>
    ({ operator: 'Cast', inputs: [input], outputs: [output], attributes: { to: { int: ELEMENT_TYPE[to] } } });
  return [
    cast(ONNX_FEATURES, 'features64', 'double'),
    {
      operator: 'TreeEnsembleRegressor', domain: 'ai.onnx.ml', inputs: ['features64'], outputs: ['raw'],
      attributes: treeAttributes(ensemble),
    },
    // The operator's output is float32 by its definition; what follows is in float64 so as to round once more only.
    cast('raw', 'raw64', 'double'),
    { operator: 'Mul', inputs: ['raw64', 'slope'], outputs: ['scaled'] },
    { operator: 'Add', inputs: ['scaled', 'intercept'], outputs: ['margin64'] },
    { operator: 'Sigmoid', inputs: ['margin64'], outputs: ['probability64'] },
    cast('margin64', ONNX_MARGIN, 'float'),
    cast('probability64', ONNX_PROBABILITY, 'float'),
  ];
}

function treeAttributes({ trees, baseScore }: TreeEnsemble): Record<string, OnnxAttribute> {
  const nodes = { tree: [] as number[], id: [] as number[], feature: [] as number[], left: [] as number[], right: [] as number[], missing: [] as number[] };
  const leaves = { tree: [] as number[], id: [] as number[] };
  const modes: string[] = [];
  const thresholds: number[] = [];
  const weights: number[] = [];
  trees.forEach((tree, treeIndex) => {
    tree.feature.forEach((feature, node) => {
      const isLeaf = feature === LEAF;
      nodes.tree.push(treeIndex);
      nodes.id.push(node);
      nodes.feature.push(isLeaf ? 0 : feature);
      nodes.left.push(tree.left[node] ?? 0);
      nodes.right.push(tree.right[node] ?? 0);
      nodes.missing.push(tree.missingLeft[node] ?? 0);
      modes.push(isLeaf ? 'LEAF' : 'BRANCH_LEQ');
      thresholds.push(tree.threshold[node] ?? 0);
      if (!isLeaf) return;
      leaves.tree.push(treeIndex);
      leaves.id.push(node);
      weights.push(tree.value[node] ?? 0);
    });
  });
  const doubles = (name: string, values: readonly number[]): OnnxAttribute =>
    ({ tensor: { name, dims: [values.length], values: Float64Array.from(values) } });
  return {
    nodes_treeids: { ints: nodes.tree },
    nodes_nodeids: { ints: nodes.id },
    nodes_featureids: { ints: nodes.feature },
    nodes_modes: { texts: modes },
    nodes_values_as_tensor: doubles('nodes_values', thresholds),
    nodes_truenodeids: { ints: nodes.left },
    nodes_falsenodeids: { ints: nodes.right },
    nodes_missing_value_tracks_true: { ints: nodes.missing },
    target_treeids: { ints: leaves.tree },
    target_nodeids: { ints: leaves.id },
    target_ids: { ints: leaves.id.map(() => 0) },
    target_weights_as_tensor: doubles('target_weights', weights),
    n_targets: { int: 1 },
    base_values_as_tensor: doubles('base_values', [baseScore]),
    aggregate_function: { text: 'SUM' },
    post_transform: { text: 'NONE' },
  };
}
