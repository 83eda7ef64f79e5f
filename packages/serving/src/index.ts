export { createExplainer, type Explainer } from './explain/explainer.ts';
export { createTreeShap, checkAdditivity, type TreeShap, type Explanation } from './explain/tree-shap.ts';
