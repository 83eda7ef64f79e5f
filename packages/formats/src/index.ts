export { type TreeEnsemble, type Tree, type Calibration, LEAF, MAX_THRESHOLD, slopeOf, interceptOf } from './trees/tree-ensemble.ts';
export { predictMargins, sigmoid } from './trees/predict-margins.ts';
export { ensembleToJson, ensembleFromJson, type TreeEnsembleJson } from './trees/tree-json.ts';
export { treeEnsembleToOnnx, type TreeOnnxOptions, ONNX_FEATURES, ONNX_MARGIN, ONNX_PROBABILITY } from './onnx/tree-ensemble-to-onnx.ts';
export { createMllpFramer, frameMllp, type FrameEvent, type MllpFramer } from './hl7v2/mllp-framer.ts';
export { decodeMessage, encodeMessage, type DecodedMessage, type Hl7Charset } from './hl7v2/charset.ts';
export { defaultEncoding, type Hl7Encoding } from './hl7v2/encoding.ts';
export { escapeText, unescapeText } from './hl7v2/escape.ts';
export { parseMessage, type Hl7Message, type Hl7Segment, type ParsedMessage } from './hl7v2/parse-message.ts';
export {
  component, componentOf, field, hl7Null, locationOf, repetitions, segmentNamed, segmentsNamed, wholeText, type Hl7Part,
} from './hl7v2/read-segment.ts';
export { isSupportedVersion, peekHeader, readHeader, type Hl7Header } from './hl7v2/read-header.ts';
export { formatTs, parseTs, toIso8601, type Hl7Timestamp, type ParsedTs, type TsPrecision, type UtcOffset } from './hl7v2/timestamp.ts';
export { zoneOffset } from './hl7v2/zone-offset.ts';
export { buildMessage, buildSegment, type ComponentInput, type FieldInput, type SegmentInput } from './hl7v2/build-message.ts';
export { buildAck, type AckInput } from './hl7v2/build-ack.ts';
export { conditionOf, type AckCode, type Hl7Problem } from './hl7v2/problem.ts';
