import { expect, it } from 'vitest';
import { protobuf } from './protobuf-writer.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// protobuf.dev/programming-guides/encoding: "A Simple Message", strings, submessages, packed fields.
it('writes the published examples', () => {
  expect(hex(protobuf().varint(1, 150).finish())).toBe('089601');
  expect(hex(protobuf().text(2, 'testing').finish())).toBe('120774657374696e67');
  expect(hex(protobuf().message(3, protobuf().varint(1, 150)).finish())).toBe('1a03089601');
  expect(hex(protobuf().varints(6, [3, 270, 86_942]).finish())).toBe('3206038e029ea705');
});

it('writes integers past 32 bits, and more than its first buffer holds', () => {
  expect(hex(protobuf().varint(1, 2 ** 40).finish())).toBe('08808080808020');
  const long = protobuf().bytes(1, new Uint8Array(1_000).fill(7)).varint(2, 1).finish();
  expect(hex(long.subarray(0, 4))).toBe('0ae80707');
  expect(hex(long.subarray(1_002))).toBe('071001');
});
