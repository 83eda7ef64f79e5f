import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { errorFields, isLoopbackHost, PrimumError, type Log } from '@primum/base';

/** PEM files: a certificate chain, the key of its first certificate, and who may vouch for clients (mutual TLS). */
export type TlsFiles = { certFile: string; keyFile: string; clientCaFile?: string };

/**
 * What a listener offers: TLS 1.2 and 1.3, and of 1.2 only suites with forward secrecy and authenticated encryption
 * (RFC 9325, BCP 195, section 4.2), as IHE ATNA asks (ITI TF-1: 9, "TLS 1.2 floor using BCP 195").
 */
export const tlsPolicy: SecureContextOptions = {
  minVersion: 'TLSv1.2', honorCipherOrder: true,
  ciphers: [
    'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
};

/** Reads the files into what `tls.createServer` takes. Throws net.certificate-unusable where key and certificate are not a pair. */
export function readTlsFiles(files: TlsFiles): SecureContextOptions {
  let context: SecureContextOptions & { cert: Buffer; key: Buffer };
  try {
    context = {
      ...tlsPolicy, cert: readFileSync(files.certFile), key: readFileSync(files.keyFile),
      ...(files.clientCaFile === undefined ? {} : { ca: readFileSync(files.clientCaFile) }),
    };
    const pair = new X509Certificate(context.cert).checkPrivateKey(createPrivateKey(context.key));
    if (!pair) throw new PrimumError('net.certificate-unusable', `${files.keyFile} is not the key of ${files.certFile}`);
    createSecureContext(context);
  } catch (error) {
    if (error instanceof PrimumError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'not PEM';
    throw new PrimumError('net.certificate-unusable', `${files.certFile}, ${files.keyFile}: ${code}`, { cause: error });
  }
  return context;
}

/**
 * Looks every few seconds whether the files were changed and gives their content to `renew`; connections that are open
 * stay as they are. Files that do not fit each other (half written, say) change nothing until they do.
 */
export function watchTlsFiles(files: TlsFiles, renew: (context: SecureContextOptions) => void, options: { log: Log; everyMs?: number }): { close(): void } {
  const paths = [files.certFile, files.keyFile, ...(files.clientCaFile === undefined ? [] : [files.clientCaFile])];
  // By stat and not by watching: a mounted secret is changed by moving a link two folders up.
  const stateOf = (): string => paths.map((path) => statSync(path, { throwIfNoEntry: false })).map((stat) => `${stat?.ino} ${stat?.mtimeMs} ${stat?.size}`).join('|');
  let taken = stateOf();
  const timer = setInterval(() => {
    const state = stateOf();
    if (state === taken) return;
    taken = state;
    try {
      renew(readTlsFiles(files));
      options.log.info('tls.renewed', { path: files.certFile });
    } catch (error) {
      options.log.warn('tls.not-renewed', { ...errorFields(error), path: files.certFile });
    }
  }, options.everyMs ?? 5_000).unref();
  return { close: () => clearInterval(timer) };
}

/** A listener beyond this machine needs TLS. */
export function demandTls(listener: string, host: string, tls: TlsFiles | undefined): void {
  if (tls === undefined && !isLoopbackHost(host)) throw new PrimumError('net.plaintext-refused', `${listener} on ${host}`);
}
