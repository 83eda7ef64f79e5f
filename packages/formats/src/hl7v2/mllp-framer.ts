/**
 * MLLP, HL7's framing over TCP (HL7 v2 Implementation Guide, appendix C; "Transport Specification: MLLP, Release 1"):
 * a message travels as <VT> content <FS><CR>, with VT 0x0B, FS 0x1C, CR 0x0D. Content holds neither VT nor FS.
 *
 *   outside ── VT ──► inside ── FS CR ──► outside        frame
 *                     inside ── FS VT ──► inside         frame (the sender forgot CR), and the next begins
 *                     inside ── FS x  ──► inside         FS is kept as content: a frame that ended here would be
 *                                                        acknowledged cut short, and its rest lost as stray bytes
 *                     inside ── VT    ──► inside         malformed: the former was cut off, the next begins
 *                     inside ── too long ──► skipping    oversize, at once; to the end of that frame nothing is kept
 *
 * A frame that ends with FS and nothing after it waits for the next byte; when the peer closes, it is whole (`end`).
 */
export type FrameEvent =
  | { kind: 'frame'; bytes: Buffer }
  /** A frame that was cut off by the next one or by the end of the stream: what of it came. */
  | { kind: 'malformed'; bytes: Buffer }
  /** A frame longer than the limit: its first bytes, from which a header can be read. */
  | { kind: 'oversize'; head: Buffer }
  /** Bytes between frames. */
  | { kind: 'stray'; count: number }
  /** Bytes between frames that some senders put there and that mean nothing: CR, LF, a UTF-8 byte order mark. */
  | { kind: 'padding'; count: number };

export type MllpFramer = {
  /**
   * Takes the next bytes of the stream, however they were cut, and gives what they complete, in order. Events may
   * share memory with `chunk`. A run of bytes between frames gives one event of a kind per call.
   */
  push(chunk: Buffer): FrameEvent[];
  /** The stream has ended. */
  end(): FrameEvent[];
  /** Whether a frame has begun and not ended. */
  readonly inFrame: boolean;
};

const vt = 0x0b;
const fs = 0x1c;
const cr = 0x0d;
const frameEnd = Buffer.from([fs, cr]);
const oversizeHeadBytes = 4096;
const firstHeldBytes = 4096;

/** Cost is linear in the bytes pushed; memory is at most twice `maxFrameBytes`. */
export function createMllpFramer({ maxFrameBytes }: { maxFrameBytes: number }): MllpFramer {
  let state: 'outside' | 'inside' | 'skipping' = 'outside';
  let pendingFs = false;
  const held = createHold(maxFrameBytes);
  let events: FrameEvent[] = [];
  let stray = 0;
  let padding = 0;

  const flushOutside = (): void => {
    if (padding > 0) events.push({ kind: 'padding', count: padding });
    if (stray > 0) events.push({ kind: 'stray', count: stray });
    padding = 0;
    stray = 0;
  };
  const begin = (): void => {
    flushOutside();
    state = 'inside';
  };
  const finish = (kind: 'frame' | 'malformed'): void => {
    if (state === 'inside') events.push({ kind, bytes: held.take() });
    state = 'outside';
  };
  const append = (slice: Buffer): void => {
    if (state === 'skipping' || slice.length === 0 || held.add(slice)) return;
    events.push({ kind: 'oversize', head: held.head(slice, oversizeHeadBytes) });
    held.take();
    state = 'skipping';
  };
  /** Decides what an FS was, by the byte after it; true when that byte is used up. */
  const decideFs = (next: number): boolean => {
    pendingFs = false;
    if (next !== cr && next !== vt) {
      append(frameEnd.subarray(0, 1));
      return false;
    }
    finish('frame');
    if (next === vt) begin();
    return true;
  };
  const countOutside = (bytes: Buffer): void => {
    for (const byte of bytes) {
      if (byte === cr || byte === 0x0a || byte === 0xef || byte === 0xbb || byte === 0xbf) padding += 1;
      else stray += 1;
    }
  };
  const drain = (): FrameEvent[] => {
    const out = events;
    events = [];
    return out;
  };

  return {
    push(chunk) {
      let at = pendingFs && chunk.length > 0 && decideFs(chunk[0] ?? 0) ? 1 : 0;
      const nextVt = seeker(chunk, vt);
      const nextFs = seeker(chunk, fs);
      while (at < chunk.length) {
        const vtAt = nextVt(at);
        if (state === 'outside') {
          countOutside(chunk.subarray(at, vtAt));
          at = vtAt + 1;
          if (vtAt < chunk.length) begin();
          continue;
        }
        const fsAt = nextFs(at);
        append(chunk.subarray(at, Math.min(vtAt, fsAt)));
        if (vtAt < fsAt) {
          finish('malformed');
          begin();
          at = vtAt + 1;
        } else if (fsAt < chunk.length) {
          at = fsAt + 1;
          if (at === chunk.length) pendingFs = true;
          else if (decideFs(chunk[at] ?? 0)) at += 1;
        } else at = chunk.length;
      }
      flushOutside();
      held.own();
      return drain();
    },
    end() {
      if (state !== 'outside') finish(pendingFs ? 'frame' : 'malformed');
      pendingFs = false;
      return drain();
    },
    get inFrame() {
      return state !== 'outside';
    },
  };
}

/** <VT> content <FS><CR>. */
export function frameMllp(content: Buffer | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const framed = Buffer.allocUnsafe(bytes.length + 3);
  framed[0] = vt;
  bytes.copy(framed, 1);
  frameEnd.copy(framed, bytes.length + 1);
  return framed;
}

/** Where a byte stands next at or after a position, `chunk.length` when nowhere; each stretch is searched once. */
function seeker(chunk: Buffer, byte: number): (from: number) => number {
  let found = -1;
  return (from) => {
    if (found < from) {
      const at = chunk.indexOf(byte, from);
      found = at === -1 ? chunk.length : at;
    }
    return found;
  };
}

type Hold = {
  /** False, and nothing kept, when the bytes would pass the limit. */
  add(slice: Buffer): boolean;
  take(): Buffer;
  head(next: Buffer, count: number): Buffer;
  /** Stops sharing memory with the chunk that the bytes came in. */
  own(): void;
};

/** The content of the frame so far: the chunk's own memory while one slice is all of it, else a buffer that doubles. */
function createHold(limit: number): Hold {
  let borrowed: Buffer | undefined;
  let owned = Buffer.alloc(0);
  let length = 0;

  const copy = (slice: Buffer): void => {
    if (length + slice.length > owned.length) {
      const wider = Buffer.allocUnsafe(Math.min(Math.max(firstHeldBytes, owned.length * 2, length + slice.length), Math.max(limit, 1)));
      owned.copy(wider, 0, 0, length);
      owned = wider;
    }
    slice.copy(owned, length);
    length += slice.length;
  };
  const own = (): void => {
    if (borrowed === undefined) return;
    const slice = borrowed;
    borrowed = undefined;
    copy(slice);
  };
  const bytes = (): Buffer => borrowed ?? owned.subarray(0, length);

  return {
    own,
    add(slice) {
      if (bytes().length + slice.length > limit) return false;
      if (borrowed === undefined && length === 0) borrowed = slice;
      else {
        own();
        copy(slice);
      }
      return true;
    },
    take() {
      const taken = bytes();
      borrowed = undefined;
      owned = Buffer.alloc(0);
      length = 0;
      return taken;
    },
    head: (next, count) => Buffer.concat([bytes(), next.subarray(0, count)]).subarray(0, Math.min(count, limit)),
  };
}
