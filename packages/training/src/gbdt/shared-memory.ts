/** Typed arrays that worker threads see as one memory. */
export function sharedUint32(length: number): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(new SharedArrayBuffer(length * 4));
}

export function sharedInt32(length: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(length * 4));
}

export function sharedFloat32(length: number): Float32Array<SharedArrayBuffer> {
  return new Float32Array(new SharedArrayBuffer(length * 4));
}

export function sharedFloat64(length: number): Float64Array<SharedArrayBuffer> {
  return new Float64Array(new SharedArrayBuffer(length * 8));
}

export function sharedUint8(length: number): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(length));
}

/** The array itself where its memory is shared already, else a copy in shared memory. */
export function shareFloat32(array: Float32Array): Float32Array<SharedArrayBuffer> {
  if (array.buffer instanceof SharedArrayBuffer) {
    return new Float32Array(array.buffer, array.byteOffset, array.length);
  }
  const shared = sharedFloat32(array.length);
  shared.set(array);
  return shared;
}

export function shareUint32(array: ArrayLike<number>): Uint32Array<SharedArrayBuffer> {
  const shared = sharedUint32(array.length);
  shared.set(array);
  return shared;
}

export function shareUint8(array: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const shared = sharedUint8(array.length);
  shared.set(array);
  return shared;
}
