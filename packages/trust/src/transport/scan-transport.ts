import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { isLoopbackHost } from '@primum/base';

export type ScannedListener = { name: string; host: string; port: number; protocol: 'http' | 'mllp' | 'mqtt'; tls: boolean };

/** What one listener answered. `null`: not asked, as it has no TLS. */
export type TransportScan = ScannedListener & {
  loopbackOnly: boolean;
  reached: boolean;
  version: string | null;
  cipher: string | null;
  /** Refused handshakes, as they should be. */
  refusesTls10: boolean | null;
  refusesTls11: boolean | null;
  /** Sent plain text, it ends the connection without an answer in its own protocol. */
  refusesPlaintext: boolean;
  asksClientCertificate: boolean | null;
  certificate: { subject: string; issuer: string; names: string; validFrom: string; validTo: string; fingerprint256: string } | null;
  /** Nothing that listens beyond this machine does so in plain text or with an old protocol. */
  passed: boolean;
};

const timeoutMs = 5_000;

/**
 * Connects to each listener as a stranger would and writes down what it offers: the proof that a setting is in force,
 * not that it was set (45 CFR 164.312(e)(1); NIST SP 800-52r2). The address asked is the one listened on.
 */
export async function scanTransport(listeners: readonly ScannedListener[]): Promise<TransportScan[]> {
  const scans: TransportScan[] = [];
  for (const listener of listeners) scans.push(await scan(listener));
  return scans;
}

async function scan(listener: ScannedListener): Promise<TransportScan> {
  // Who listens on every address is asked on this one.
  const host = listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host === '::' ? '::1' : listener.host;
  const at = { host, port: listener.port };
  const loopbackOnly = isLoopbackHost(listener.host);
  const offered = listener.tls ? await handshake(at, {}) : undefined;
  const [tls10, tls11] = listener.tls ? [await handshake(at, old('TLSv1')), await handshake(at, old('TLSv1.1'))] : [undefined, undefined];
  const plain = await answersPlainText(at, listener.protocol);
  const refusesOld = listener.tls ? tls10 === undefined && tls11 === undefined : null;
  return {
    ...listener, loopbackOnly, reached: listener.tls ? offered !== undefined : plain !== undefined,
    version: offered?.version ?? null, cipher: offered?.cipher ?? null,
    refusesTls10: listener.tls ? tls10 === undefined : null, refusesTls11: listener.tls ? tls11 === undefined : null,
    refusesPlaintext: plain !== true, asksClientCertificate: listener.tls ? offered?.asksClientCertificate ?? null : null,
    certificate: offered?.certificate ?? null,
    passed: listener.tls ? offered !== undefined && refusesOld === true && plain !== true : loopbackOnly,
  };
}

function old(version: 'TLSv1' | 'TLSv1.1'): ConnectionOptions {
  return { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' };
}

type Handshake = Pick<TransportScan, 'version' | 'cipher' | 'asksClientCertificate' | 'certificate'>;

async function handshake(at: { host: string; port: number }, options: ConnectionOptions): Promise<Handshake | undefined> {
  let socket: TLSSocket | undefined;
  try {
    // The certificate is looked at, not trusted: it is ours.
    socket = connect({ ...at, ...options, rejectUnauthorized: false });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(timeoutMs) });
    const peer = socket.getPeerX509Certificate();
    return {
      version: socket.getProtocol(), cipher: socket.getCipher().name,
      asksClientCertificate: await endsWithoutCertificate(socket),
      certificate: peer === undefined ? null : {
        subject: peer.subject ?? '', issuer: peer.issuer ?? '', names: peer.subjectAltName ?? '', validFrom: new Date(peer.validFrom).toISOString(), validTo: new Date(peer.validTo).toISOString(),
        fingerprint256: createHash('sha256').update(peer.raw).digest('hex'),
      },
    };
  } catch {
    return undefined;
  } finally {
    socket?.destroy();
  }
}

/** In TLS 1.3 a server that insists on a certificate says so after the client's side of the handshake is over. */
async function endsWithoutCertificate(socket: TLSSocket): Promise<boolean> {
  const ended = Promise.race([once(socket, 'close'), once(socket, 'end')]).then(() => true, () => true);
  return Promise.race([ended, new Promise<boolean>((resolve) => { setTimeout(() => resolve(false), 300); })]);
}

/** True: it spoke its protocol in plain text. False: it ended or answered nothing. Undefined: nobody is there. */
/** What a stranger says, and how an answer in the same protocol begins. */
const greetings: Readonly<Record<ScannedListener['protocol'], { say: string; answer: string }>> = {
  http: { say: 'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', answer: 'HTTP/1.1 2' },
  mllp: { say: '\x0bMSH|^~\\&|SCAN|SCAN|||20260101||ACK|SCAN|P|2.5\r\x1c\r', answer: '\x0bMSH' },
  mqtt: { say: '\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00', answer: '\x20\x02' }, // CONNECT and CONNACK of MQTT 3.1.1
};

async function answersPlainText(at: { host: string; port: number }, protocol: ScannedListener['protocol']): Promise<boolean | undefined> {
  const socket = connectPlain(at);
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) });
  } catch {
    return undefined;
  }
  socket.write(greetings[protocol].say, 'latin1');
  let said = '';
  socket.on('data', (chunk) => { said += chunk.toString('latin1'); });
  await Promise.race([once(socket, 'close').catch(() => undefined), new Promise((resolve) => { setTimeout(resolve, 1_000); })]);
  socket.destroy();
  return said.startsWith(greetings[protocol].answer);
}
