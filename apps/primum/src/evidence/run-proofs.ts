import { logFieldNames, PrimumError, type Log } from '@primum/base';
import type { Core } from '../core.ts';
import { ProofFailed, type Proof, type ProofRecord } from './proof.ts';
import { accessAccount, authorizationWalk, careRelationship, decisionMatrix, lockOutAndLogoff, revocationLatency, secondFactor } from './proofs/access-proofs.ts';
import { auditTamper, auditVerify } from './proofs/audit-proofs.ts';
import { backupFreshness, restoreDrill } from './proofs/continuity-proofs.ts';
import { dataFlowsCovered, residency, transportRefusal, transportScan } from './proofs/place-proofs.ts';
import { breachDrill, eraseDrill, rightsDrill } from './proofs/rights-proofs.ts';
import { canaryScan, encryptionAtRest, keyRotation, logFields } from './proofs/sealing-proofs.ts';
import { predictionReplay, softwareInventory } from './proofs/software-proofs.ts';
import { openScratch, type Scratch } from './scratch.ts';

export type RunOptions = { quick: boolean; checkpointDirectories: readonly string[]; onProof?: (record: ProofRecord) => void };

/** How much is done of what can be done more or less of. */
const sizes = {
  quick: { patients: 12, hours: 10, alterations: 20, revocations: 3, replays: 4 },
  full: { patients: 40, hours: 24, alterations: 200, revocations: 10, replays: 40 },
} as const;

const limitMs = 180_000;

/** Proofs of this home as it is: they read, and change nothing. */
export async function proveHome(core: Core, { checkpointDirectories, onProof }: RunOptions): Promise<ProofRecord[]> {
  const ofHome: Proof<Core>[] = [auditVerify(checkpointDirectories), encryptionAtRest, logFields(logFieldNames), backupFreshness, transportScan, dataFlowsCovered, residency, softwareInventory];
  return [await proved(decisionMatrix, core, 'the software', core.log, onProof), ...await inTurn(ofHome, core, 'this home', core.log, onProof)];
}

/** Proofs that may break something, on a Primum that is started for them and removed. */
export async function proveOnScratch({ quick, onProof }: RunOptions, log: Log): Promise<ProofRecord[]> {
  const size = quick ? sizes.quick : sizes.full;
  const scratch = await openScratch(size);
  // Its database is a process of its own: it must not be left behind.
  const stop = new AbortController();
  const interrupted = (): void => {
    stop.abort();
    void scratch.close();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  // In this order: what reads before what erases, what disables accounts before what looks everywhere for names.
  const proofs: Proof<Scratch>[] = [
    authorizationWalk, secondFactor, lockOutAndLogoff, revocationLatency(size.revocations), careRelationship, accessAccount, breachDrill, predictionReplay(size.replays), rightsDrill,
    keyRotation, restoreDrill, canaryScan, auditTamper(size.alterations), eraseDrill, transportRefusal,
  ];
  try {
    return await inTurn(proofs, scratch, 'a scratch Primum', log, onProof, stop.signal);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupted);
    await scratch.close();
    if (stop.signal.aborted) process.exit(130); // half a run makes no pack
  }
}

async function inTurn<T>(proofs: readonly Proof<T>[], subject: T, of: ProofRecord['of'], log: Log, onProof: RunOptions['onProof'], signal?: AbortSignal): Promise<ProofRecord[]> {
  const records: ProofRecord[] = [];
  for (const proof of proofs) if (signal?.aborted !== true) records.push(await proved(proof, subject, of, log, onProof));
  return records;
}

/** A proof that can't be carried to its end has failed; of an error its code alone is said, as its text may quote a value. */
async function proved<T>({ id, title, again, run }: Proof<T>, subject: T, of: ProofRecord['of'], log: Log, onProof: RunOptions['onProof']): Promise<ProofRecord> {
  const startedAt = new Date().toISOString();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new ProofFailed(`it did not end within ${limitMs / 1_000} s`)), limitMs); });
  const finding = await Promise.race([run(subject), late]).catch((error: unknown) => {
    const why = error instanceof ProofFailed ? error.message : error instanceof PrimumError && error.code === 'internal.bug' ? error.detail ?? error.code : error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected fault';
    log.warn('evidence.proof-failed', { component: id });
    return { passed: false, says: `It could not be shown: ${why}.`, figures: {} };
  });
  clearTimeout(timer);
  const record: ProofRecord = { id, title, of, again, startedAt, finishedAt: new Date().toISOString(), ...finding };
  onProof?.(record);
  return record;
}
