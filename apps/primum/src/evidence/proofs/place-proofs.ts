import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PrimumError, silentLog } from '@primum/base';
import { renewWithinDays } from '@primum/contract';
import { coverFlows, listAgreements, scanTransport, type TransportScan } from '@primum/trust';
import { createTestCertificates } from '@primum/trust/testing/certificates';
import { bootPrimum } from '../../boot.ts';
import { tenant, type Core } from '../../core.ts';
import { readRunFile } from '../../run-file.ts';
import { transportOf } from '../../transport.ts';
import { dataFlows } from '../data-flows.ts';
import type { Proof } from '../proof.ts';
import { residencyOf, storesNow } from '../residency.ts';
import type { Scratch } from '../scratch.ts';

const linesOf = (scans: readonly TransportScan[]): unknown[] => scans.map(({ name, host, tls, loopbackOnly, reached, version, cipher, refusesTls10, refusesTls11, refusesPlaintext, certificate, passed }) =>
  ({ name, host, tls, loopbackOnly, reached, version, cipher, refusesTls10, refusesTls11, refusesPlaintext, certificateEnds: certificate?.validTo ?? null, passed }));

/** What listens at this home, asked as a stranger would. */
export const transportScan: Proof<Core> = {
  id: 'transport-scan', title: 'What listens here, asked as a stranger would', again: 'npx vitest run tests/transport.test.ts',
  run: async ({ home }) => {
    const running = readRunFile(home);
    if (running === undefined) return { passed: null, says: 'Primum does not run on this home now, so nothing listens.', figures: {} };
    const scans = await scanTransport(running.listeners);
    const beyond = scans.filter(({ loopbackOnly }) => !loopbackOnly);
    return {
      passed: scans.every(({ passed, reached }) => passed && reached),
      says: beyond.length === 0 ? `${scans.length} listeners, all on this machine only; none can be reached from another.` : `${beyond.length} of ${scans.length} listeners can be reached from other machines: each speaks TLS 1.2 or 1.3 and refused older versions and plain text.`,
      figures: { listeners: linesOf(scans) },
    };
  },
};

/** A start beyond this machine without TLS must be refused; one with TLS is scanned. */
export const transportRefusal: Proof<Scratch> = {
  id: 'transport-refusal', title: 'Beyond this machine nothing is served in plain text', again: 'npx vitest run tests/transport.test.ts',
  run: async ({ folder, primum: { core } }) => {
    const quiet = { log: silentLog, httpPort: 0, mllpPort: 0, wardRate: null, console: false, mode: 'production' } as const;
    const refused = await Promise.all([transportOf({ listen: '0.0.0.0' }), transportOf({ 'mllp-listen': '0.0.0.0' })].map((transport) => bootPrimum({ ...quiet, home: join(folder, 'plain'), transport })
      .then(async (started) => { await started.stop(); return 'started'; }, (error: unknown) => (error instanceof PrimumError ? error.code : 'other'))));
    const plainRefused = refused.every((code) => code === 'net.plaintext-refused');
    if (!hasOpenssl()) return { passed: plainRefused ? null : false, says: 'Starts in plain text beyond this machine were refused; without openssl no certificate could be made to try one with TLS.', figures: { refused } };
    await core.db.query('create database tls');
    const folderOfCertificates = join(folder, 'certificates');
    mkdirSync(folderOfCertificates);
    const certificates = createTestCertificates(folderOfCertificates);
    const { certFile, keyFile } = certificates.issue('server');
    const databaseUrl = core.db.url.replace(/\/[^/?]*(\?|$)/, '/tls$1');
    const primum = await bootPrimum({ ...quiet, home: join(folder, 'tls'), databaseUrl, transport: transportOf({ 'tls-cert': certFile, 'tls-key': keyFile, 'tls-client-ca': certificates.caFile }) });
    try {
      const scans = (await scanTransport(primum.listeners)).filter(({ tls }) => tls);
      return {
        passed: plainRefused && scans.length === 2 && scans.every(({ passed }) => passed), says: `Two starts in plain text beyond this machine were refused; with a certificate, ${scans.length} listeners spoke ${[...new Set(scans.map(({ version }) => version))].join(' and ')} and refused TLS 1.0, TLS 1.1 and plain text.`,
        figures: { refused, listeners: linesOf(scans) },
      };
    } finally {
      await primum.stop();
    }
  },
};

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export const dataFlowsCovered: Proof<Core> = {
  id: 'data-flows', title: 'Every way that personal data leave this home has an agreement in force', again: 'primum agreement list',
  run: async (core) => {
    const agreements = await listAgreements(core, tenant);
    const flows = coverFlows(await dataFlows(core, tenant, process.env), agreements, core.clock.now());
    const uncovered = flows.filter(({ covered }) => covered === false);
    const ending = flows.filter(({ covered, endsInDays }) => covered === true && endsInDays !== null && endsInDays <= renewWithinDays);
    return {
      passed: uncovered.length === 0, says: `${flows.length} ways out are set up, ${flows.filter(({ personal }) => personal).length} of them with personal data; ${uncovered.length} without an agreement in force, ${ending.length} whose agreement ends within ${renewWithinDays} days.`,
      figures: { flows, agreements: agreements.length, uncovered: uncovered.map(({ id }) => id), endingSoon: ending.map(({ id, endsInDays }) => ({ id, endsInDays })) },
    };
  },
};

export const residency: Proof<Core> = {
  id: 'residency', title: 'Where this home’s stores lie, as declared', again: 'primum up (refuses to start outside); GET /api/residency',
  run: async ({ home }) => {
    const page = residencyOf(home, storesNow(home));
    if (page.allowed === null) return { passed: null, says: 'No residency was declared for this home (residency.json).', figures: { ...page } };
    return { passed: page.stores.every(({ allowed }) => allowed === true), says: `${page.stores.length} stores are declared to lie in the allowed regions (${page.allowed.join(', ')}). Where a disk really stands is for its operator to say.`, figures: { ...page } };
  },
};
