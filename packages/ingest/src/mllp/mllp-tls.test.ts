import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { silentLog } from '@primum/base';
import { scanTransport } from '@primum/trust';
import { createTestCertificates, type TestCertificates } from '@primum/trust/testing/certificates';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectMllp, type MllpClientOptions } from './connect-mllp.ts';
import { listenMllp, type MllpListener } from './listen-mllp.ts';

const folder = mkdtempSync(join(tmpdir(), 'primum-mllp-tls-'));
const host = '127.0.0.1';
let certificates: TestCertificates;
let server: { certFile: string; keyFile: string };
let monitor: { certFile: string; keyFile: string };
beforeAll(() => {
  certificates = createTestCertificates(folder);
  server = certificates.issue('server');
  monitor = certificates.issue('monitor', { common: 'monitor-4' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const deps = { accept: async (frame: Buffer) => Buffer.concat([Buffer.from('kept '), frame]), log: silentLog };
const listen = (mutual: boolean, more: { certFile?: string; keyFile?: string } = {}): Promise<MllpListener> =>
  listenMllp(deps, { host, port: 0, closeTimeoutMs: 100, tls: { ...server, ...more, ...(mutual ? { clientCaFile: certificates.caFile } : {}) } });
const send = async (port: number, tls?: MllpClientOptions['tls']): Promise<string> => {
  await using client = await connectMllp({ host, port, timeoutMs: 2_000, ...(tls === undefined ? {} : { tls }) });
  return (await client.send('MSH|1')).toString();
};
const trusting = (): { ca: Buffer } => ({ ca: readFileSync(certificates.caFile) });

it('carries messages to who trusts its certificate, and plain text to nobody', async () => {
  await using listener = await listen(false);
  expect(await send(listener.port, trusting())).toBe('kept MSH|1');
  await expect(send(listener.port)).rejects.toMatchObject({ code: 'net.connection-lost' });
  await expect(send(listener.port, { ca: readFileSync(monitor.certFile) })).rejects.toMatchObject({ code: 'net.connect-failed' });
  await expect(send(listener.port, { ...trusting(), servername: 'elsewhere.example' })).rejects.toMatchObject({ code: 'net.connect-failed' });
});

it('asks for the peer\'s certificate where it is told who vouches for peers', async () => {
  await using listener = await listen(true);
  expect(await send(listener.port, { ...trusting(), cert: readFileSync(monitor.certFile), key: readFileSync(monitor.keyFile) })).toBe('kept MSH|1');
  await expect(send(listener.port, trusting())).rejects.toMatchObject({ code: expect.stringMatching(/^net\./) });
  const [scan] = await scanTransport([{ name: 'HL7', host, port: listener.port, protocol: 'mllp', tls: true }]);
  expect(scan).toMatchObject({ asksClientCertificate: true, refusesPlaintext: true, passed: true });
});

it('takes up a new certificate without a restart, and no half of one', async () => {
  const [certFile, keyFile] = [join(folder, 'live.pem'), join(folder, 'live.key')];
  copyFileSync(server.certFile, certFile);
  copyFileSync(server.keyFile, keyFile);
  await using listener = await listen(false, { certFile, keyFile });
  const shown = async (): Promise<string> => {
    const socket = connect({ host, port: listener.port, ...trusting() });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerX509Certificate()!;
    socket.destroy();
    return subject;
  };
  expect(await shown()).toContain('CN=localhost');
  copyFileSync(monitor.certFile, certFile);
  await new Promise((resolve) => { setTimeout(resolve, 5_500); });
  expect(await shown()).toContain('CN=localhost');
  copyFileSync(monitor.keyFile, keyFile);
  await expect.poll(shown, { timeout: 8_000, interval: 500 }).toContain('CN=monitor-4');
});

it('listens beyond this machine over TLS only', async () => {
  await expect(listenMllp(deps, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'net.plaintext-refused' });
  await expect(listen(false, { keyFile: monitor.keyFile })).rejects.toMatchObject({ code: 'net.certificate-unusable' });
});

it('is found out by the scan where it takes plain text or an old protocol', async () => {
  await using listener = await listen(false);
  await using plain = await listenMllp(deps, { host, port: 0 });
  const scans = await scanTransport([
    { name: 'HL7', host, port: listener.port, protocol: 'mllp', tls: true }, { name: 'HL7 here', host, port: plain.port, protocol: 'mllp', tls: false },
    { name: 'said to be TLS', host, port: plain.port, protocol: 'mllp', tls: true },
  ]);
  expect(scans[0]).toMatchObject({ version: 'TLSv1.3', refusesTls10: true, refusesTls11: true, refusesPlaintext: true, asksClientCertificate: false, passed: true, certificate: { subject: 'CN=localhost' } });
  expect(scans[1]).toMatchObject({ reached: true, loopbackOnly: true, passed: true, certificate: null });
  expect(scans[2]).toMatchObject({ reached: false, passed: false });
});
