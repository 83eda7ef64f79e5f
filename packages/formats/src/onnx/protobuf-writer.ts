/**
 * Writes Protocol Buffers wire format (protobuf.dev/programming-guides/encoding): a message is a run of fields, each a
 * tag (field number and wire type) and a value. Only what ONNX needs: varints of non-negative integers
 * and length-delimited bytes, strings, messages and packed arrays.
 */
export type ProtobufWriter = {
  varint: (field: number, value: number) => ProtobufWriter;
  bytes: (field: number, value: Uint8Array) => ProtobufWriter;
  text: (field: number, value: string) => ProtobufWriter;
  message: (field: number, value: ProtobufWriter) => ProtobufWriter;
  /** Repeated varints, packed. */
  varints: (field: number, values: ArrayLike<number>) => ProtobufWriter;
  finish: () => Uint8Array;
};

const VARINT = 0;
const LENGTH_DELIMITED = 2;

export function protobuf(): ProtobufWriter {
  let buffer = new Uint8Array(256);
  let length = 0;

  const reserve = (more: number): void => {
    if (length + more <= buffer.length) return;
    const grown = new Uint8Array(Math.max(buffer.length * 2, length + more));
    grown.set(buffer.subarray(0, length));
    buffer = grown;
  };
  const putVarint = (value: number): void => {
    reserve(10);
    let rest = value;
    // Division, not shifts: values reach 2^53.
    for (; rest > 127; rest = Math.floor(rest / 128)) buffer[length++] = (rest % 128) | 128;
    buffer[length++] = rest;
  };
  const tag = (field: number, wireType: number): void => putVarint(field * 8 + wireType);
  const raw = (value: Uint8Array): void => {
    reserve(value.length);
    buffer.set(value, length);
    length += value.length;
  };

  const writer: ProtobufWriter = {
    varint(field, value) {
      tag(field, VARINT);
      putVarint(value);
      return writer;
    },
    bytes(field, value) {
      tag(field, LENGTH_DELIMITED);
      putVarint(value.length);
      raw(value);
      return writer;
    },
    text(field, value) {
      return writer.bytes(field, new TextEncoder().encode(value));
    },
    message(field, value) {
      return writer.bytes(field, value.finish());
    },
    varints(field, values) {
      tag(field, LENGTH_DELIMITED);
      const all = Array.from(values);
      putVarint(all.reduce((size, value) => size + varintSize(value), 0));
      for (const value of all) putVarint(value);
      return writer;
    },
    finish: () => buffer.slice(0, length),
  };
  return writer;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size += 1;
  return size;
}
