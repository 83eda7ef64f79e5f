import { frameMllp } from '@primum/formats';
import { benchSource } from '../../bench/support/ward-messages.ts';
import { bootedTarget } from './booted-target.ts';
import type { Random } from './target.ts';

const pieces = ['\x0b', '\x1c\r', '\x1c', '\r', '\xef\xbb\xbf', 'MSH|^~\\&|', 'MSH', '\rPID|', '\\X', '\x0b\x0b', '\x1c\x0b', 'GET / HTTP/1.1\r\n', '\0'].map((text) => Buffer.from(text, 'latin1'));
const hugeBytes = 3 * 1024 * 1024;

const valid = (id: string): Buffer => frameMllp(
  `MSH|^~\\&|${benchSource.application}|${benchSource.facility}|PRIMUM|PRIMUM|20260101120000||ADT^A01^ADT_A01|${id}|P|2.5.1\rEVN|A01|20260101120000\rPID|1||F7^^^${benchSource.facility}^MR||Fuzz^A\rPV1|1|I|ICU^ICU^1\r`);

function mutated(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let changes = random(6) + 1; changes > 0; changes -= 1) copy[random(copy.length)] = random(256);
  return copy.subarray(random(20), copy.length - random(20));
}

/** Bytes of a stream: garbage, pieces that mean something, whole frames, spoilt ones, and now and then one too large. */
export const mllpTarget = bootedTarget((random, id) => {
  const parts: Buffer[] = [];
  for (let count = random(12) + 1; count > 0; count -= 1) {
    const kind = random(100);
    if (kind < 25) parts.push(Buffer.from(Array.from({ length: random(60) }, () => random(256))));
    else if (kind < 50) parts.push(pieces[random(pieces.length)] ?? pieces[0]!);
    else if (kind < 75) parts.push(valid(`${id}-${count}`));
    else if (kind < 99) parts.push(mutated(valid(`${id}-${count}`), random));
    else parts.push(Buffer.concat([Buffer.from([0x0b]), Buffer.alloc(hugeBytes, random(256))]));
  }
  const stream = Buffer.concat(parts);
  const chunks: Buffer[] = [];
  const longest = random(4) === 0 ? 8 : 4096;
  for (let at = 0; at < stream.length;) {
    const length = stream.length > 100_000 ? 65_536 : random(longest) + 1;
    chunks.push(stream.subarray(at, at + length));
    at += length;
  }
  return { chunks, inputs: parts.length };
});
