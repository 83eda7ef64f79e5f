import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PrimumError, uuidv7 } from '@primum/base';
import { coverFlows, createPolicy, listAgreements, loadPolicies, mintSystemPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { dataFlows } from '../evidence/data-flows.ts';
import { evidenceRunOf, writeEvidenceRun } from '../evidence/evidence-run.ts';
import type { Pack } from '../evidence/pack.ts';
import type { ProofRecord } from '../evidence/proof.ts';
import { processingRecord } from '../evidence/processing-record.ts';
import { residencyOf, storesNow } from '../evidence/residency.ts';
import { proveHome, proveOnScratch } from '../evidence/run-proofs.ts';
import { assertNewFolder, writePack } from '../evidence/write-pack.ts';
import { version } from '../version.ts';
import { homeOf, openLog, osUser, withCore } from './settings.ts';

/** Runs every proof now and writes the pack. Exit code 1: a proof failed; the pack is written all the same, and says so. */
export async function evidence(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { home: { type: 'string' }, out: { type: 'string' }, quick: { type: 'boolean' }, 'checkpoint-dir': { type: 'string', multiple: true } } });
  if (values.out === undefined) throw new PrimumError('config.usage', 'primum evidence --out DIR [--quick] [--checkpoint-dir DIR]');
  const home = homeOf(values.home);
  const directory = resolve(values.out);
  await assertNewFolder(directory);
  const startedAt = new Date().toISOString();
  const options = { quick: values.quick === true, checkpointDirectories: values['checkpoint-dir'] ?? [], onProof: say };
  const settings = { ...process.env };
  // The home last: the scratch Primum takes the home's settings out of the environment.
  const ofHome = await withCore(home, async (core) => ({ records: await proveHome(core, options), ...await registers(core) }));
  const ofScratch = await proveOnScratch(options, openLog(home));
  Object.assign(process.env, settings);
  const pack: Pack = {
    id: uuidv7(), madeAt: new Date().toISOString(), startedAt, quick: options.quick, proofs: [...ofHome.records, ...ofScratch], environment: environmentOf(),
    flows: ofHome.flows, residency: ofHome.residency, processing: ofHome.processing,
  };
  const { digest, keyId } = await writePack(home, directory, pack);
  await withCore(home, (core) => core.audit.write(core.db, [{
    tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HCOMPL', action: 'evidence.made', outcome: 'success', at: core.clock.now(), entities: [{ type: 'evidence-pack', id: digest }],
  }]));
  const run = evidenceRunOf(pack, { digest, out: directory });
  writeEvidenceRun(home, run);
  const failed = pack.proofs.filter(({ passed }) => passed === false).map(({ id }) => id);
  console.log(JSON.stringify({
    out: directory, digest, key: keyId, proofs: pack.proofs.length, passed: pack.proofs.filter(({ passed }) => passed === true).length, failed, not_tried: pack.proofs.filter(({ passed }) => passed === null).map(({ id }) => id),
    controls: run.controls, seconds: Math.round((Date.parse(pack.madeAt) - Date.parse(startedAt)) / 1_000),
  }));
  if (failed.length > 0) process.exitCode = 1;
}

async function registers(core: Core): Promise<Pick<Pack, 'flows' | 'residency' | 'processing'>> {
  const policy = createPolicy({ readPatientFacts: () => Promise.resolve([]), demonstration: false, loaded: loadPolicies([join(core.home, 'policies')]) });
  return {
    flows: coverFlows(await dataFlows(core, tenant, process.env), await listAgreements(core, tenant), core.clock.now()), residency: residencyOf(core.home, storesNow(core.home)), processing: processingRecord(policy),
  };
}

function environmentOf(): Record<string, string> {
  return { primum: version, node: process.version, system: `${platform()} ${release()} ${arch()}`, processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`, memory: `${Math.round(totalmem() / 2 ** 30)} GiB` };
}

function say({ id, passed, says, startedAt, finishedAt }: ProofRecord): void {
  const seconds = ((Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000).toFixed(1).padStart(6);
  console.error(`${seconds} s  ${(passed === null ? 'not tried' : passed ? 'passed' : 'FAILED').padEnd(9)}  ${id.padEnd(22)} ${says}`);
}
