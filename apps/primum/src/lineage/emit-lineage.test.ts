import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, uuidv7 } from '@primum/base';
import type { Manifest } from '@primum/registry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitLineage, lineageUrl } from './emit-lineage.ts';
import { scoringEvent, trainingEvents } from './open-lineage.ts';

const manifest: Manifest = JSON.parse(await readFile(new URL('../../../../packs/sepsis/model/manifest.json', import.meta.url), 'utf8'));
const at = new Date('2026-03-01T08:00:00.000Z');
const events = [...trainingEvents(uuidv7(), at, at, manifest), scoringEvent('RUNNING', at, uuidv7(), { digest: 'a'.repeat(64), manifest }, 12)];

let home: string;
let server: Server;
const received: string[] = [];
let failures = 0;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'primum-lineage-'));
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => { text += chunk.toString(); }).on('end', () => {
      failures -= 1;
      if (failures < 0) received.push(text);
      response.writeHead(failures < 0 ? 201 : 503).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.close();
  await rm(home, { recursive: true, force: true });
});
const address = (): string => {
  const bound = server.address();
  return `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}/api/v1/lineage`;
};
const lines = async (): Promise<string[]> => (await readFile(join(home, 'openlineage', '2026-03.ndjson'), 'utf8')).trim().split('\n');

describe('OpenLineage events', () => {
  it('have what the specification requires of a RunEvent and its facets', () => {
    for (const event of events) {
      expect(event).toMatchObject({
        eventType: expect.stringMatching(/^(START|RUNNING|COMPLETE)$/), eventTime: at.toISOString(), producer: expect.stringMatching(/^https:/),
        schemaURL: 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent', run: { runId: expect.stringMatching(/^[0-9a-f-]{36}$/) }, job: { namespace: 'primum' },
      });
      for (const { namespace, name, facets = {} } of [...event.inputs, ...event.outputs]) {
        expect([namespace, name.length > 0]).toEqual(['primum', true]);
        for (const facet of Object.values(facets)) expect(facet).toMatchObject({ _producer: expect.stringMatching(/^https:/), _schemaURL: expect.stringMatching(/^https:/) });
      }
    }
    expect(events[1]!.run).toEqual(events[0]!.run);
  });

  it('are written and sent, again after an answer of 5xx', async () => {
    failures = 1;
    await emitLineage({ home, log: silentLog, url: address() }, events);
    expect(await lines()).toEqual(events.map((event) => JSON.stringify(event)));
    expect(received).toEqual(await lines());
  });

  it('are written where they cannot be sent', async () => {
    failures = 100;
    await emitLineage({ home, log: silentLog, url: address() }, events.slice(0, 1));
    expect((await lines()).length).toBe(events.length + 1);
  });

  it('leave this machine by TLS only', () => {
    expect(lineageUrl({})).toBeUndefined();
    expect(lineageUrl({ OPENLINEAGE_URL: address() })).toBe(address());
    for (const url of ['http://marquez.example/api', 'ftp://localhost/x', 'nonsense']) expect(() => lineageUrl({ OPENLINEAGE_URL: url })).toThrow('https beyond this machine');
  });
});
