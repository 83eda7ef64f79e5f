import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, PrimumError } from '@primum/base';
import type { OperationOutcome } from '@medplum/fhirtypes';
import type { Core } from '../core.ts';
import type { Fhir } from '../fhir.ts';
import { createFhirDeps } from '../http/fhir/fhir-deps.ts';
import { bulkRules, fetchWithin } from './fetch-within.ts';
import { addFile, advanceJob, claimJob, principalOf, releaseJobs, stepJob, type BulkJob } from './jobs.ts';
import { runExport } from './run-export.ts';
import { importLines, storeOutcomes } from './run-import.ts';

export type ImportRequest = { inputs: readonly { type: string; url: string }[] };
type ImportPlace = { input: number; line: number };

const pollMs = 300;
const maxOutcomes = 10_000;

/**
 * Runs bulk jobs one after the other until none came for `idleMs`, or the signal. A job in the middle is left as it is
 * then, for whoever is next; one that fails says why.
 */
export async function runJobs(core: Core, fhir: Fhir, { signal, idleMs }: { signal: AbortSignal; idleMs: number }): Promise<void> {
  const deps = createFhirDeps(core, fhir);
  let idleSince = Date.now();
  while (!signal.aborted && Date.now() - idleSince < idleMs) {
    try {
      const job = await claimJob(core.db);
      if (job === null) await sleep(pollMs, undefined, { signal }).catch(() => undefined);
      else {
        await run(job);
        idleSince = Date.now();
      }
    } catch (error) {
      core.log.warn('bulk.round-failed', errorFields(error));
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }
  // What was under way is anybody's at once.
  if (signal.aborted) await releaseJobs(core.db).catch(() => undefined);

  async function run(job: BulkJob): Promise<void> {
    try {
      const ended = job.kind === 'export' ? await runExport(core, deps.reads, job, signal) : await runImport(job);
      if (ended === 'finished') await core.db.transaction((tx) => stepJob(tx, job.id, 'finish'));
    } catch (error) {
      if (signal.aborted) return;
      const code = error instanceof PrimumError ? error.code : 'internal.bug';
      core.log.warn('bulk.job-failed', errorFields(error));
      await core.db.transaction((tx) => stepJob(tx, job.id, 'fail', code));
    }
  }

  async function runImport(job: BulkJob): Promise<'finished' | 'cancelled'> {
    const { inputs } = job.request as ImportRequest; // as it was written when it was accepted
    const rules = bulkRules(process.env, core.mode === 'demonstration');
    const place = { input: 0, line: 0, ...job.place as Partial<ImportPlace> };
    for (let n = place.input; n < inputs.length; n += 1) {
      const { url, type } = inputs[n]!; // within the list
      const principal = await principalOf(core, job);
      const answer = await fetchWithin(rules, url, { accept: 'application/fhir+ndjson' });
      if (answer.statusCode !== 200) throw new PrimumError('bulk.remote-failed', `an input was answered ${answer.statusCode}`);
      const outcomes: OperationOutcome[] = [];
      let going = true;
      try {
        going = await importLines({ core, fhir, valid: deps.valid }, { principal, purpose: job.purpose }, answer, n === place.input ? place.line : 0, async (line, { done, refused }) => {
          for (const { outcome } of refused) if (outcomes.length < maxOutcomes) outcomes.push(outcome);
          await principalOf(core, job); // who may no longer writes no further line
          return await advanceJob(core.db, job.id, { place: { input: n, line }, done, failed: refused.length }) && !signal.aborted;
        });
      } finally {
        answer.destroy();
        if (outcomes.length > 0) {
          const content = await storeOutcomes(core, outcomes);
          await core.db.transaction((tx) => addFile(tx, job.id, { kind: 'error', type, resources: outcomes.length }, content));
        }
      }
      if (!going) return 'cancelled';
      await advanceJob(core.db, job.id, { place: { input: n + 1, line: 0 }, done: 0 });
    }
    return 'finished';
  }
}
