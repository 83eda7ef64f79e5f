export { parseCodeTable, type CodeTable } from '@primum/record';
export { createTimeline, appendFacts, type Timeline } from './timeline/timeline.ts';
export { parseFeatureSet, type FeatureSet, type Feature, type FeatureGroup, type RequiredInput } from './features/feature-set.ts';
export { evaluateFeatures, icuStayAt, type Evaluation, type IneligibleReason } from './features/evaluate-features.ts';
export { describeFeatures, type FeatureDescription } from './features/describe-features.ts';
export { encounterCodes } from './features/encounter-codes.ts';
export {
  ageAtAdmission, dateOfBirthFor, hospitalAdmitAt, icuDischargeAt, physionetColumns, physionetSource, rowEffectiveAt, rowKnownAt,
} from './physionet/physionet-conventions.ts';
export { physionetStays, type PhysionetStay, type PhysionetRow } from './physionet/physionet-stays.ts';
export { stayToFacts } from './physionet/stay-to-facts.ts';
export { featureMatrix, type FeatureMatrix, type MatrixStay } from './matrix/feature-matrix.ts';
export { compileView, type CompiledView, type ViewRow } from './views/compile-view.ts';
export { viewFormats, viewMediaTypes, writeRows, type ViewFormat } from './views/write-rows.ts';
export { parseFhirJson } from './views/parse-fhir-json.ts';
