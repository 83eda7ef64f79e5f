import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitBodyTime, streamsBody } from './body-time.ts';

let server: Server;
let ends: string[] = [];
beforeAll(async () => {
  server = createServer((incoming, response) => {
    limitBodyTime(incoming, response, 300);
    if (incoming.url === '/stream') streamsBody(incoming, 300);
    incoming.on('error', () => undefined).resume().on('close', () => { ends.push(incoming.complete ? 'whole' : 'cut'); });
    if (incoming.url === '/slow-answer') setTimeout(() => response.end('late'), 600);
    else incoming.on('end', () => response.end('taken'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A body of six bytes, one every `everyMs`; of them only `sent`. */
async function send(path: string, everyMs: number, sent = 6): Promise<number | string> {
  ends = [];
  const asked = request({ port: (server.address() as AddressInfo).port, path, method: 'POST', agent: false, headers: { 'content-length': 6 } });
  const answer = new Promise<number | string>((resolve) => {
    asked.on('response', (response) => resolve(response.resume().statusCode ?? 0));
    asked.on('error', () => resolve('ended'));
  });
  for (let n = 0; n < sent; n += 1) {
    asked.write('x');
    await sleep(everyMs);
  }
  if (sent === 6) asked.end();
  return answer;
}

describe('the time that a body has', () => {
  it('is bounded as a whole', async () => {
    expect(await send('/', 10)).toBe(200);
    expect(await send('/', 100)).toBe(408);
    expect(ends).toEqual(['cut']);
  });

  it('is not that of a content that streams, as long as it comes', async () => {
    expect(await send('/stream', 100)).toBe(200);
    expect(ends).toEqual(['whole']);
    expect(await send('/stream', 10, 3)).toBe('ended');
    expect(ends).toEqual(['cut']);
  });

  it('is not that of the answer', async () => {
    expect(await send('/slow-answer', 10)).toBe(200);
  });
});
