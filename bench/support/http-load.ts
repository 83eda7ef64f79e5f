/**
 * A client of its own process: `node http-load.ts PORT CONNECTIONS SECONDS TOKEN < paths`. Keep-alive, one request under
 * way per connection, each path in turn; prints `{ requests, failed, p50Ms, p99Ms, seconds }`. TOKEN is a session's, or
 * `Bearer` and an access token; none for a server that asks for none. Raw sockets, because the load must not cost more than
 * what it measures.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [port, connections, seconds, token] = process.argv.slice(2);
const paths = readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');
const credential = token === undefined || token === '' ? '' : token.startsWith('Bearer ') ? `Authorization: ${token}\r\n` : `Cookie: primum_session=${token}\r\n`;
const requests = paths.map((path) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${credential}\r\n`));
/** How a body in chunks ends (RFC 9112, 7.1); JSON without line breaks holds no such bytes. */
const lastChunk = '\r\n0\r\n\r\n';
const latencies: number[] = [];
let failed = 0;
let next = 0;
const startedAt = performance.now();
const endAt = startedAt + Number(seconds) * 1000;

function run(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.setNoDelay(true);
    let sentAt = 0;
    let head = '';
    let left = -1; // bytes of the body to come; -1 while in the head, Infinity while in chunks
    let tail = '';
    const send = (): void => {
      if (performance.now() >= endAt) {
        socket.end();
        resolve();
        return;
      }
      sentAt = performance.now();
      socket.write(requests[next % requests.length]!);
      next += 1;
    };
    socket.on('connect', send).on('error', reject).on('data', (chunk) => {
      let body = chunk.length;
      if (left < 0) {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!head.startsWith('HTTP/1.1 200')) failed += 1;
        left = /transfer-encoding: chunked/i.test(head.slice(0, end)) ? Infinity : Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        body = head.length - end - 4;
        head = '';
      }
      left -= body;
      if (left === Infinity) {
        tail = (tail + chunk.toString('latin1')).slice(-lastChunk.length);
        if (tail !== lastChunk) return;
        tail = '';
      } else if (left > 0) return;
      left = -1;
      latencies.push(performance.now() - sentAt);
      send();
    });
  });
}

await Promise.all(Array.from({ length: Number(connections) }, run));
const sorted = Float64Array.from(latencies).sort();
const quantile = (part: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? NaN;
console.log(JSON.stringify({ requests: sorted.length, failed, p50Ms: quantile(0.5), p99Ms: quantile(0.99), seconds: (performance.now() - startedAt) / 1000 }));
