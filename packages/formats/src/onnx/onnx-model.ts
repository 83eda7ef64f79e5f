import { protobuf, type ProtobufWriter } from './protobuf-writer.ts';

/**
 * The part of ONNX that we write, as plain data, and its bytes. Field numbers: onnx/onnx.proto (ONNX 1.17), named in
 * the comments beside them.
 */
export type OnnxModel = {
  /** Shown by tools; not interpreted. */
  graphName: string;
  opsets: { domain: string; version: number }[];
  inputs: OnnxTensorInfo[];
  outputs: OnnxTensorInfo[];
  initializers: OnnxTensor[];
  nodes: OnnxNode[];
  /** metadata_props: free text by name. */
  metadata: Record<string, string>;
};

/** A graph input or output; a string dimension is symbolic. */
export type OnnxTensorInfo = { name: string; type: 'float' | 'double'; shape: (number | string)[] };
export type OnnxTensor = { name: string; dims: number[]; values: Float32Array | Float64Array };
export type OnnxNode = {
  operator: string;
  domain?: string;
  inputs: string[];
  outputs: string[];
  attributes?: Record<string, OnnxAttribute>;
};
export type OnnxAttribute =
  | { int: number }
  | { text: string }
  | { tensor: OnnxTensor }
  | { ints: ArrayLike<number> }
  | { texts: readonly string[] };

/** TensorProto.DataType */
export const ELEMENT_TYPE = { float: 1, double: 11 } as const;
/** IR 8: read by ONNX Runtime 1.10 and later. */
const IR_VERSION = 8;

export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const out = protobuf().varint(1, IR_VERSION).text(2, 'primum').message(7, graphProto(model)); // ir_version, producer_name, graph
  for (const { domain, version } of model.opsets) out.message(8, protobuf().text(1, domain).varint(2, version)); // opset_import
  for (const [key, value] of Object.entries(model.metadata)) out.message(14, protobuf().text(1, key).text(2, value)); // metadata_props
  return out.finish();
}

function graphProto({ graphName, nodes, initializers, inputs, outputs }: OnnxModel): ProtobufWriter {
  const out = protobuf();
  nodes.forEach((node, index) => out.message(1, nodeProto(node, index))); // node
  out.text(2, graphName); // name
  for (const tensor of initializers) out.message(5, tensorProto(tensor)); // initializer
  for (const info of inputs) out.message(11, valueInfoProto(info)); // input
  for (const info of outputs) out.message(12, valueInfoProto(info)); // output
  return out;
}

function nodeProto(node: OnnxNode, index: number): ProtobufWriter {
  const out = protobuf();
  for (const input of node.inputs) out.text(1, input); // input
  for (const output of node.outputs) out.text(2, output); // output
  out.text(3, `${node.operator}_${index}`).text(4, node.operator); // name, op_type
  for (const [name, value] of Object.entries(node.attributes ?? {})) out.message(5, attributeProto(name, value)); // attribute
  if (node.domain !== undefined) out.text(7, node.domain); // domain
  return out;
}

/** AttributeProto: name 1, value by kind, type 20. */
function attributeProto(name: string, value: OnnxAttribute): ProtobufWriter {
  const out = protobuf().text(1, name);
  if ('int' in value) return out.varint(3, value.int).varint(20, 2);
  if ('text' in value) return out.text(4, value.text).varint(20, 3);
  if ('tensor' in value) return out.message(5, tensorProto(value.tensor)).varint(20, 4);
  if ('ints' in value) return out.varints(8, value.ints).varint(20, 7);
  for (const text of value.texts) out.text(9, text);
  return out.varint(20, 8);
}

function tensorProto({ name, dims, values }: OnnxTensor): ProtobufWriter {
  const type = values instanceof Float32Array ? ELEMENT_TYPE.float : ELEMENT_TYPE.double;
  // raw_data is little-endian, as is every machine that Node runs on.
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return protobuf().varints(1, dims).varint(2, type).text(8, name).bytes(9, bytes); // dims, data_type, name, raw_data
}

function valueInfoProto({ name, type, shape }: OnnxTensorInfo): ProtobufWriter {
  const dims = protobuf();
  for (const dim of shape) dims.message(1, typeof dim === 'number' ? protobuf().varint(1, dim) : protobuf().text(2, dim)); // dim_value, dim_param
  const tensorType = protobuf().varint(1, ELEMENT_TYPE[type]).message(2, dims); // elem_type, shape
  return protobuf().text(1, name).message(2, protobuf().message(1, tensorType)); // name, type
}
