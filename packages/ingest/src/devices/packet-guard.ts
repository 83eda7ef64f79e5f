import { Duplex } from 'node:stream';

/**
 * Follows the fixed headers of a stream of MQTT packets (MQTT 3.1.1, 2.2) and says when one is announced that is longer
 * than allowed, before any of it is kept.
 */
export function createPacketScanner(maxPacketBytes: number): (chunk: Uint8Array) => boolean {
  let left = 0; // of the packet's body
  let length = 0;
  let shift = 0;
  let state: 'type' | 'length' | 'body' = 'type';
  return (chunk) => {
    for (let n = 0; n < chunk.length;) {
      if (state === 'body') {
        const taken = Math.min(left, chunk.length - n);
        n += taken;
        left -= taken;
        if (left === 0) state = 'type';
        continue;
      }
      const byte = chunk[n]!;
      n += 1;
      if (state === 'type') {
        [state, length, shift] = ['length', 0, 0];
        continue;
      }
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (length > maxPacketBytes || shift > 28) return false;
      if ((byte & 0x80) !== 0) continue;
      left = length;
      state = left === 0 ? 'type' : 'body';
    }
    return true;
  };
}

/** The connection as the broker sees it: what is too long never reaches it, the connection is cut instead. */
export function guardPackets(socket: Duplex, maxPacketBytes: number, refused: () => void): Duplex {
  const fits = createPacketScanner(maxPacketBytes);
  const guarded = new Duplex({
    allowHalfOpen: false,
    read: () => void socket.resume(),
    write: (chunk, encoding, callback) => void socket.write(chunk, encoding, callback),
    final: (callback) => void socket.end(callback),
    destroy: (error, callback) => {
      socket.destroy();
      callback(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    if (!fits(chunk)) {
      refused();
      guarded.destroy();
    } else if (!guarded.push(chunk)) socket.pause();
  });
  socket.on('end', () => guarded.push(null));
  socket.on('error', () => guarded.destroy());
  socket.on('close', () => guarded.destroy());
  return guarded;
}
