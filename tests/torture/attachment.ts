import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures } from '../../bench/support/served-primum.ts';
import { primumProcess } from '../../bench/support/primum-process.ts';

const megabyte = 1024 * 1024;
/** What the server may grow by, whatever comes: parts of 4 MiB and what the collector leaves for a while. */
const boundMb = 192;

/**
 * One content of `--mib` (2,048) MiB in by POST and out by GET: neither in a row nor in memory, and the same bytes. Sent over
 * `--seconds` at least, as a slow line would.
 */
export async function runAttachment(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const mib = Number(options['mib'] ?? 2_048);
  const pauseMs = Number(options['seconds'] ?? 0) * 1_000 / mib;
  const parent = mkdtempSync(join(tmpdir(), 'primum-attachment-'));
  chmodSync(parent, 0o711); // PostgreSQL's user must get through
  try {
    const primum = primumProcess();
    const { url } = await primum.ask<{ url: string }>({ boot: { home: join(parent, 'primum') } });
    const { token } = await primum.ask<{ token: string }>({ token: true });
    const before = await primum.ask<Figures>({ figures: true });
    const authorization = `Bearer ${token}`;
    const patient = await (await fetch(`${url}api/fhir/Patient`, { method: 'POST', headers: { authorization, 'content-type': 'application/fhir+json' }, body: '{"resourceType":"Patient"}' })).json() as { id: string }; // a 201
    const sent = createHash('sha256');
    const startedAt = performance.now();
    const { status, location } = await new Promise<{ status: number; location: string }>((resolve, reject) => {
      const post = request(`${url}api/fhir/Binary`, { method: 'POST', headers: { authorization, 'content-type': 'application/dicom', 'x-security-context': `Patient/${patient.id}`, 'content-length': mib * megabyte } }, (response) => {
        response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, location: String(response.headers.location) }));
      });
      post.on('error', reject);
      Readable.from((async function* () {
        for (let n = 0; n < mib; n += 1) {
          const block = Buffer.alloc(megabyte, `block ${n} of an image `);
          sent.update(block);
          yield block;
          if (pauseMs > 0) await sleep(pauseMs);
        }
      })()).pipe(post);
    });
    if (status !== 201) throw new Error(`the content was answered ${status}`);
    const storedAt = performance.now();
    const got = createHash('sha256');
    const answer = await fetch(location.replace(/\/_history.*$/, ''), { headers: { authorization, accept: 'application/dicom' } });
    for await (const chunk of answer.body!) got.update(chunk); // a 200 has one
    const readAt = performance.now();
    const after = await primum.ask<Figures>({ figures: true });
    await primum.stop();
    const same = sent.digest('hex') === got.digest('hex');
    return {
      mib, same, rss_before_mb: before.rssMb, peak_rss_mb: after.peakRssMb, largest_row_bytes: after.largestRowBytes,
      store_mb_per_s: Math.round(mib / ((storedAt - startedAt) / 1_000)), read_mb_per_s: Math.round(mib / ((readAt - storedAt) / 1_000)),
      passed: same && after.peakRssMb - before.rssMb <= boundMb && after.largestRowBytes < 64 * 1024,
    };
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}
