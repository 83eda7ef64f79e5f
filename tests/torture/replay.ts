import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { registerSource } from '@primum/ingest';
import { loadPackage, parseTrustedKeys, type ModelPackage } from '@primum/registry';
import { replayPrediction, type ReplayDeps } from '@primum/serving';
import { createTestModel } from '@primum/serving/testing';
import { mintSystemPrincipal } from '@primum/trust';
import { benchSource, randomOf } from '../../bench/support/ward-messages.ts';
import { corruptions } from './replay/corrupt.ts';
import { openPipeline, tenant, type Pipeline } from './replay/pipeline.ts';
import { createWardStream, wardStart } from './replay/stream-ward.ts';

const halfHourMs = 1_800_000;
const pack = join(import.meta.dirname, '..', '..', 'packs', 'sepsis');

/**
 * Makes a ward's predictions, changes the record behind them (corrections, merges and their undoing, late facts),
 * restarts everything, changes it once more, and then makes `--replays` (1000) random predictions again; `--corrupt`
 * (100) others are tampered with one by one, each in another way, and must be reported.
 */
export async function runReplayTorture(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const replays = Number(options['replays'] ?? 1_000);
  const corrupt = Number(options['corrupt'] ?? 100);
  const wanted = Math.ceil((replays + corrupt) * 1.05);
  const home = await mkdtemp(join(tmpdir(), 'primum-replay-'));
  const model = await servedModel();
  let pipeline = await openPipeline(home, model);
  try {
    await registerSource(pipeline.db, { tenant, ...benchSource, clockRate: 0 });
    const ward = createWardStream(Math.min(48, Math.max(12, Math.ceil(wanted / 25))), 11);
    await pipeline.take(ward.admissions());
    let at = wardStart + 3_600_000;
    const run = async (steps: number): Promise<void> => {
      for (let step = 0; step < steps; step += 1) {
        at += halfHourMs;
        await pipeline.take(ward.step(at));
        if (step % 3 === 2) await pipeline.take(ward.joinOrPart(at));
      }
    };
    while ((await predictionIds(pipeline)).length < wanted) await run(6);
    await pipeline.close();
    pipeline = await openPipeline(home, model);
    await run(2);
    await pipeline.take(ward.discharges(at));
    await run(2);
    await assertStirred(pipeline);

    const drawn = shuffled(await predictionIds(pipeline), randomOf(5));
    const deps: ReplayDeps = { ...pipeline, tenant, findModel: (digest) => Promise.resolve(digest === model.digest ? model : null) };
    const startedAt = performance.now();
    const identical = await replayAll(deps, drawn.slice(0, replays).map(({ id }) => id));
    const seconds = (performance.now() - startedAt) / 1_000;
    const { reported, byKind } = await tamper(deps, drawn.slice(replays), corrupt);
    const quarantined = await count(pipeline, 'select count(*) as count from message where status = \'quarantined\'');
    return {
      replayed: replays, identical, corrupted: corrupt, reported, reported_by_kind: byKind, predictions: drawn.length, quarantined,
      replays_per_s: Math.round(replays / seconds), model: model.manifest.id, passed: identical === replays && reported === corrupt,
    };
  } finally {
    await pipeline.close();
    await rm(home, { recursive: true, force: true });
  }
}

async function replayAll(deps: ReplayDeps, ids: readonly string[]): Promise<number> {
  let identical = 0;
  for (const id of ids) {
    const report = await replayPrediction(deps, mintSystemPrincipal('replay'), id);
    if (report.outcome === 'identical') identical += 1;
    else console.error(`replay: ${id} ${report.text}`, report.differences.map(({ what }) => what));
  }
  return identical;
}

/** Each is put right afterwards and must then be identical again, so that it was the tampering that was reported. */
async function tamper(deps: ReplayDeps, targets: readonly { id: string; status: string }[], wanted: number): Promise<{ reported: number; byKind: Record<string, number> }> {
  const kinds = Object.entries(corruptions);
  const byKind: Record<string, number> = {};
  let [done, reported] = [0, 0];
  for (const target of targets) {
    if (done === wanted) break;
    for (let turn = 0; turn < kinds.length; turn += 1) {
      const [name, corruption] = kinds[(done + turn) % kinds.length]!; // within its length
      const mend = await corruption(deps.db, target);
      if (mend === null) continue;
      const report = await replayPrediction(deps, mintSystemPrincipal('replay'), target.id);
      await mend();
      const mended = await replayPrediction(deps, mintSystemPrincipal('replay'), target.id);
      done += 1;
      if (report.outcome === 'differs' && mended.outcome === 'identical') {
        reported += 1;
        byKind[name] = (byKind[name] ?? 0) + 1;
      } else console.error(`replay: ${name} of ${target.id} was ${report.outcome}, mended ${mended.outcome}`);
      break;
    }
  }
  return { reported, byKind };
}

/** The torture means nothing unless the record was changed under its predictions. */
async function assertStirred(pipeline: Pipeline): Promise<void> {
  for (const [what, sql] of [
    ['corrections', 'select count(*) as count from fact where status = \'corrected\''],
    ['withdrawals', 'select count(*) as count from fact where status = \'retracted\''],
    ['merges', 'select count(*) as count from patient_link where into_id is not null'],
    ['undone merges', 'select count(*) as count from patient_link where into_id is null'],
    ['late facts', 'select count(*) as count from prediction where trigger = \'late-fact\''],
    ['alerts', 'select count(*) as count from alert'],
  ] as const) {
    const found = await count(pipeline, sql);
    console.error(`replay: ${found} ${what}`);
    if (found === 0 && what !== 'undone merges' && what !== 'alerts') throw new PrimumError('internal.bug', `the torture made no ${what}`);
  }
}

async function count({ db }: Pipeline, sql: string): Promise<number> {
  return (await db.query<{ count: number }>(sql, []))[0]?.count ?? 0;
}

function predictionIds({ db }: Pipeline): Promise<{ id: string; status: string }[]> {
  return db.query('select id, status from prediction order by id', []);
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items.map((item) => ({ item, at: random() })).toSorted((a, b) => a.at - b.at).map(({ item }) => item);
}

/** The shipped package where there is one. */
async function servedModel(): Promise<ModelPackage> {
  if (!existsSync(join(pack, 'model', 'manifest.json'))) return createTestModel();
  return loadPackage(join(pack, 'model'), { trustedKeys: parseTrustedKeys(JSON.parse(readFileSync(join(pack, 'trusted-keys.json'), 'utf8'))) });
}
