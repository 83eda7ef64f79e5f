/**
 * Floats as bytes in one canonical form: little-endian IEEE 754, every NaN as the quiet NaN with an empty payload (the
 * bits of a computed NaN differ between processors). Equal bytes are what "bit for bit" means.
 */
const float32NaN = 0x7fc00000;
const float64NaNHigh = 0x7ff80000;

export function float32Bytes(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]!;
    if (Number.isNaN(value)) bytes.writeUInt32LE(float32NaN, index * 4);
    else bytes.writeFloatLE(value, index * 4);
  }
  return bytes;
}

export function float32FromBytes(bytes: Buffer): Float32Array {
  return Float32Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readFloatLE(index * 4));
}

export function float64Bytes(values: Float64Array): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]!;
    if (Number.isNaN(value)) bytes.writeUInt32LE(float64NaNHigh, index * 8 + 4);
    else bytes.writeDoubleLE(value, index * 8);
  }
  return bytes;
}

export function float64FromBytes(bytes: Buffer): Float64Array {
  return Float64Array.from({ length: bytes.length >> 3 }, (_, index) => bytes.readDoubleLE(index * 8));
}
