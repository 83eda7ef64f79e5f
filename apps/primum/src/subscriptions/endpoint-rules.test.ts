import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { demandEndpoint, endpointRules, lookupWithin, mayReach } from './endpoint-rules.ts';
import { createPost } from './post-notification.ts';

const closed = { hosts: [], loopback: false };
const refused = (rules: typeof closed | ReturnType<typeof endpointRules>, url: string): boolean => {
  try {
    demandEndpoint(rules, { endpoint: new URL(url) });
    return false;
  } catch {
    return true;
  }
};

describe('where notifications may go', () => {
  it('is https and the public internet', () => {
    expect(['https://receiver.example/', 'https://192.0.32.8/', 'https://[2606:4700::1]/'].map((url) => refused(closed, url))).toEqual([false, false, false]);
    const wrong = [
      'http://receiver.example/', 'ftp://receiver.example/', 'https://localhost/', 'http://127.0.0.1/', 'https://2130706433/', 'https://0x7f.1/', 'https://10.1.2.3/', 'https://172.16.0.1/', 'https://192.168.0.1/', 'https://169.254.169.254/',
      'https://100.64.0.1/', 'https://[::]/', 'https://[::1]/', 'https://[::ffff:192.168.0.1]/', 'https://[64:ff9b::a00:1]/', 'https://[2002:a00:1::]/', 'https://[fe80::1]/', 'https://[fd12::1]/', 'https://user@receiver.example/', 'https://receiver.example/#x',
    ];
    expect(wrong.filter((url) => !refused(closed, url))).toEqual([]);
  });

  it('is what an operator lists besides', () => {
    const rules = endpointRules({ PRIMUM_SUBSCRIPTION_HOSTS: 'ehr.hospital.example, *.lab.example,10.1.2.3' }, false);
    expect([refused(rules, 'https://10.1.2.3/'), refused(rules, 'https://10.1.2.4/'), refused(rules, 'http://10.1.2.3/')]).toEqual([false, true, true]);
    expect([mayReach(rules, 'ehr.hospital.example', '10.0.0.1'), mayReach(rules, 'a.lab.example', '10.0.0.1'), mayReach(rules, 'lab.example.evil', '10.0.0.1'), mayReach(rules, 'evillab.example', '10.0.0.1')]).toEqual([true, true, false, false]);
    expect(refused(endpointRules({ PRIMUM_SUBSCRIPTION_HOSTS: 'localhost' }, false), 'http://localhost:8080/')).toBe(false);
    expect(() => endpointRules({ PRIMUM_SUBSCRIPTION_HOSTS: 'https://a/' }, false)).toThrow('PRIMUM_SUBSCRIPTION_HOSTS');
  });

  it('is asked again when a connection is made, of what the name leads to then', async () => {
    const outcome = await new Promise((done) => { lookupWithin(closed)('localhost', { all: true }, (error) => done(error === null ? 'connected' : 'refused')); });
    expect(outcome).toBe('refused');
    const { post, close } = createPost(closed);
    expect(await post({ endpoint: new URL('http://127.0.0.1:9/'), headers: [], timeoutS: 1 }, '{}', new AbortController().signal)).toEqual({ ok: false, reason: 'address-refused' });
    close();
  });
});

describe('a receiver', () => {
  it('that redirects has not received, and one that says too much has', async () => {
    let elsewhere = 0;
    const server = createServer((request, response) => {
      if (request.url === '/elsewhere') elsewhere += 1;
      if (request.url === '/redirects') response.writeHead(307, { location: '/elsewhere' }).end();
      else response.writeHead(200).end(Buffer.alloc(5_000_000));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { post, close } = createPost({ hosts: [], loopback: true });
    const at = (path: string) => post({ endpoint: new URL(path, base), headers: [], timeoutS: 5 }, '{}', new AbortController().signal);
    expect([await at('/redirects'), await at('/talks'), elsewhere]).toEqual([{ ok: false, reason: 'refused' }, { ok: true }, 0]);
    close();
    server.closeAllConnections();
    server.close();
  });
});
