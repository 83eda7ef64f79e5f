import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorFields, PrimumError, type Log } from '@primum/base';
import type { RunEvent } from './open-lineage.ts';

const tries = 3;
const timeoutMs = 5_000;

/**
 * Writes events to `<home>/openlineage/YYYY-MM.ndjson` and, where `url` is given, sends each to it (OpenLineage's HTTP
 * transport: one POST an event). What can't be sent stands in the file; it never holds up what it tells of.
 */
export async function emitLineage(deps: { home: string; log: Log; url?: string | undefined }, events: readonly RunEvent[]): Promise<void> {
  const directory = join(deps.home, 'openlineage');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const event of events) {
    await appendFile(join(directory, `${event.eventTime.slice(0, 7)}.ndjson`), `${JSON.stringify(event)}\n`, { mode: 0o600 });
    if (deps.url !== undefined) await send(deps.url, event).catch((error: unknown) => deps.log.warn('lineage.not-sent', errorFields(error)));
  }
}

async function send(url: string, event: RunEvent): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event), redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
      if (answer.ok) return;
      if (attempt === tries || answer.status < 500) throw new PrimumError('lineage.refused', `HTTP ${answer.status}`);
    } catch (error) {
      if (attempt === tries || error instanceof PrimumError) throw error;
    }
  }
}

/** The address of `OPENLINEAGE_URL`: TLS, or this machine. */
export function lineageUrl(environment: NodeJS.ProcessEnv): string | undefined {
  const text = environment['OPENLINEAGE_URL'];
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const here = url !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url === undefined || !(url.protocol === 'https:' || (here && url.protocol === 'http:'))) throw new PrimumError('config.invalid', 'OPENLINEAGE_URL needs https beyond this machine');
  return url.href;
}
