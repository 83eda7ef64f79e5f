import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type TestCertificates = { caFile: string; issue(name: string, options?: { common?: string }): { certFile: string; keyFile: string } };

/** An authority of a test's own, by the `openssl` of the machine; certificates for localhost, 127.0.0.1 and a name. */
export function createTestCertificates(directory: string): TestCertificates {
  const openssl = (...args: string[]): void => { execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] }); };
  const [caFile, caKey] = [join(directory, 'ca.pem'), join(directory, 'ca.key')];
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', caKey, '-out', caFile, '-days', '2', '-subj', '/CN=test authority');
  return {
    caFile,
    issue: (name, { common = 'localhost' } = {}) => {
      const path = (end: string): string => join(directory, `${name}.${end}`);
      writeFileSync(path('ext'), `subjectAltName=DNS:localhost,DNS:${common},IP:127.0.0.1\n`);
      openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${common}`);
      openssl('x509', '-req', '-in', path('csr'), '-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-out', path('pem'), '-days', '1', '-extfile', path('ext'));
      return { certFile: path('pem'), keyFile: path('key') };
    },
  };
}
