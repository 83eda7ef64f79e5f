import type { IncomingMessage, ServerResponse } from 'node:http';

const wholeMs = 30_000;
const idleMs = 60_000;
const longestMs = 12 * 3_600_000;
const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/**
 * A body must have come after 30 s, or its connection ends (408). Node's own bound (`requestTimeout`) holds of every request
 * alike, and a content of gigabytes takes longer: see `streamsBody`.
 */
export function limitBodyTime(request: IncomingMessage, response: ServerResponse, ms = wholeMs): void {
  if (request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0) return;
  const timer = setTimeout(() => {
    if (request.complete) return;
    if (!response.headersSent) request.socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    request.destroy();
  }, ms);
  timers.set(request, timer);
  request.once('close', () => { clearTimeout(timer); });
}

/** Of whoever may send it: a body that takes what time it takes, as long as it comes; 12 h at most, since what no row names after a day is removed. */
export function streamsBody(request: IncomingMessage, ms = idleMs, wholeMs = longestMs): void {
  clearTimeout(timers.get(request));
  request.setTimeout(ms, () => { if (!request.complete) request.destroy(); });
  const timer = setTimeout(() => { if (!request.complete) request.destroy(); }, wholeMs);
  request.once('close', () => { clearTimeout(timer); });
}
