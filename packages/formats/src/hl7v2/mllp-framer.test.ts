import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMllpFramer, frameMllp, type FrameEvent } from './mllp-framer.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const show = (event: FrameEvent): string => {
  if (event.kind === 'frame' || event.kind === 'malformed') return `${event.kind} ${event.bytes.toString('latin1')}`;
  return event.kind === 'oversize' ? `oversize ${event.head.toString('latin1')}` : `${event.kind} ${event.count}`;
};

/** Events of a stream cut at the given sizes; events between frames are summed, as the cuts decide how many there are. */
function run(stream: Buffer, sizes: readonly number[], maxFrameBytes: number): string[] {
  const framer = createMllpFramer({ maxFrameBytes });
  const events: FrameEvent[] = [];
  let at = 0;
  for (let turn = 0; at < stream.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    // A copy that is overwritten afterwards shows whether a frame that spans chunks still leans on an old chunk.
    const chunk = Buffer.from(stream.subarray(at, at + size));
    for (const event of framer.push(chunk)) {
      events.push('bytes' in event ? { kind: event.kind, bytes: Buffer.from(event.bytes) } : event);
    }
    chunk.fill(0x7e);
    at += size;
  }
  events.push(...framer.end());
  const lines: string[] = [];
  let padding = 0;
  let stray = 0;
  const flush = (): void => {
    if (padding > 0) lines.push(`padding ${padding}`);
    if (stray > 0) lines.push(`stray ${stray}`);
    padding = 0;
    stray = 0;
  };
  for (const event of events) {
    if (event.kind === 'padding') padding += event.count;
    else if (event.kind === 'stray') stray += event.count;
    else {
      flush();
      lines.push(show(event));
    }
  }
  flush();
  return lines;
}
const whole = (stream: string, maxFrameBytes = 100): string[] => run(bytes(stream), [stream.length || 1], maxFrameBytes);

describe('frames', () => {
  test.each([
    ['one', '\x0bA\x1c\r', ['frame A']],
    ['empty', '\x0b\x1c\r', ['frame ']],
    ['coalesced', '\x0bA\x1c\r\x0bB\x1c\r', ['frame A', 'frame B']],
    ['a line feed after each', '\x0bA\x1c\r\n\x0bB\x1c\r\n', ['frame A', 'padding 1', 'frame B', 'padding 1']],
    ['stray bytes between', 'xy\x0bA\x1c\rz\x0bB\x1c\r', ['stray 2', 'frame A', 'stray 1', 'frame B']],
    ['a byte order mark before VT', '\xef\xbb\xbf\x0bA\x1c\r', ['padding 3', 'frame A']],
    ['a byte order mark after VT', '\x0b\xef\xbb\xbfA\x1c\r', ['frame \xef\xbb\xbfA']],
    ['cut off by the next', '\x0bAB\x0bC\x1c\r', ['malformed AB', 'frame C']],
    ['cut off by the end', '\x0bAB', ['malformed AB']],
    ['FS inside is content', '\x0bA\x1cB\x1c\x1c\r', ['frame A\x1cB\x1c']],
    ['FS without CR before the next', '\x0bA\x1c\x0bB\x1c\r', ['frame A', 'frame B']],
    ['FS without CR at the end', '\x0bA\x1c', ['frame A']],
    ['only garbage', 'GET / HTTP/1.1\r\n', ['padding 2', 'stray 14']],
    ['an end without a start', 'A\x1c\r', ['padding 1', 'stray 2']],
  ])('%s', (_name, stream, expected) => {
    expect(whole(stream)).toEqual(expected);
    expect(run(bytes(stream), [1], 100)).toEqual(expected);
  });

  test('a frame at the limit is taken, one byte more is oversize, and the next frame is read', () => {
    expect(whole('\x0b1234\x1c\r\x0b12345678\x1c\r\x0bA\x1c\r', 4)).toEqual(['frame 1234', 'oversize 1234', 'frame A']);
    expect(whole('\x0b123456\x0bA\x1c\r', 4)).toEqual(['oversize 1234', 'frame A']);
    expect(whole('\x0b123\x1cx\x1c\r\x0bA\x1c\r', 4)).toEqual(['oversize 123\x1c', 'frame A']);
  });

  test('an oversize frame is reported before it ends, and nothing of it is held', () => {
    const framer = createMllpFramer({ maxFrameBytes: 1000 });
    framer.push(bytes('\x0b'));
    const chunk = Buffer.alloc(65_536, 0x41);
    const before = process.memoryUsage().arrayBuffers;
    const seen = Array.from({ length: 2000 }, () => framer.push(chunk)).flat();
    expect(seen.map((event) => event.kind)).toEqual(['oversize']);
    expect(framer.inFrame).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    expect(framer.push(bytes('\x1c\r\x0bA\x1c\r')).map(show)).toEqual(['frame A']);
  });
});

describe('properties', () => {
  // The framing bytes come often, so that every meeting of them does.
  const stream = fc.array(fc.oneof(fc.constantFrom(0x0b, 0x1c, 0x0d, 0x0a, 0xef, 0xbb, 0xbf), fc.integer({ min: 0, max: 255 })), { maxLength: 80 })
    .map((values) => Buffer.from(values));
  const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 20 });

  test('however a stream is cut, the events are the same', () => {
    fc.assert(fc.property(stream, sizes, fc.integer({ min: 1, max: 30 }), (input, cut, limit) => {
      expect(run(input, cut, limit)).toEqual(run(input, [Math.max(1, input.length)], limit));
    }), { numRuns: 2000 });
  });

  test('what was framed comes out, with any padding between', () => {
    const content = fc.uint8Array({ maxLength: 60 }).map((values) => Buffer.from(values.map((value) => (value === 0x0b || value === 0x1c ? 0x20 : value))));
    fc.assert(fc.property(fc.array(content, { maxLength: 8 }), sizes, (contents, cut) => {
      const input = Buffer.concat(contents.flatMap((item) => [frameMllp(item), bytes('\r\n')]));
      const frames = run(input, cut, 60).filter((line) => line.startsWith('frame'));
      expect(frames).toEqual(contents.map((item) => `frame ${item.toString('latin1')}`));
    }), { numRuns: 500 });
  });

  test('single bytes cost linear time', () => {
    const framer = createMllpFramer({ maxFrameBytes: 4_000_000 });
    const one = Buffer.from('a');
    framer.push(bytes('\x0b'));
    const timeMs = (count: number): number => {
      const start = performance.now();
      for (let turn = 0; turn < count; turn += 1) framer.push(one);
      return performance.now() - start;
    };
    timeMs(20_000);
    // With one copy of the whole per byte the second run would copy 10^11 bytes.
    expect(timeMs(500_000)).toBeLessThan(3000);
    const [frame] = framer.push(bytes('\x1c\r'));
    expect(frame).toMatchObject({ kind: 'frame' });
  });

  test('a chunk full of one framing byte costs linear time', () => {
    for (const byte of [0x0b, 0x1c]) {
      const framer = createMllpFramer({ maxFrameBytes: 1_000_000 });
      const start = performance.now();
      framer.push(Buffer.concat([Buffer.alloc(500_000, byte), bytes('\x0b\x1c\r')]));
      // Quadratic, it would take hours; linear, some milliseconds on a quiet machine.
      expect(performance.now() - start).toBeLessThan(10_000);
    }
  });
});
