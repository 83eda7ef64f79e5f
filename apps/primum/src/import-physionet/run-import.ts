import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@primum/base';
import { physionetSource, physionetStays, type PhysionetStay } from '@primum/datasets';
import type { CodeTable } from '@primum/record';
import { createReliableSender, type Answer, type ReliableSender } from '../sending/reliable-sender.ts';
import type { SourceToRegister } from '../ward-simulator/start-ward.ts';
import { physionetApplication, stayToMessages, type ReplayMessage } from './stay-to-messages.ts';

const hourMs = 3_600_000;

/** The two hospitals of the files, a site each. */
const hospitals = {
  'physionet2019-a': { facility: 'PN2019A', siteName: 'PhysioNet 2019, hospital A (replayed)' },
  'physionet2019-b': { facility: 'PN2019B', siteName: 'PhysioNet 2019, hospital B (replayed)' },
} as const;

export const replayedFacilities: readonly string[] = Object.values(hospitals).map(({ facility }) => facility);

export type ImportDeps = {
  clock: Clock;
  codes: CodeTable;
  register(source: Omit<SourceToRegister, 'tenant'>): Promise<unknown>;
  /** Where the clocks of the replayed sites stand (ms, the furthest of them); null before the first import. */
  replayedUntil(): Promise<number | null>;
  /** Whether a stay is among those that the served model was trained on; true where that is not known. */
  inTraining(stay: PhysionetStay): boolean;
  /** Marks a patient whose admission was accepted, once it is applied; false where that did not come about. */
  markInTraining(patient: { mrn: string; facility: string }): Promise<boolean>;
  /** Resolves when what was sent has been applied and scored, or after a while. */
  settled(): Promise<unknown>;
};

export type ImportOptions = {
  file: string;
  port: number;
  /** How many stays of the file are replayed. */
  patients: number;
  /** Beds of the replay: so many stays are open at once, and the next begins when one has ended. */
  concurrent?: number;
  /** Replayed seconds per second at most; Infinity: as fast as it is scored. */
  speed: number;
  /** A former run's id: its patients go on, and what was sent before is kept once. */
  run?: string;
  signal: AbortSignal;
  onProgress?: (progress: ImportProgress) => void;
};

export type ImportProgress = {
  run: string;
  stays: number;
  ended: number;
  septic: number;
  /** Stays marked as in the model's training data. */
  marked: number;
  /** Stays whose admission was not applied in time, so that nothing more of them was sent. */
  abandoned: number;
  accepted: number;
  refused: Map<string, number>;
};

/** A stay that is being replayed: its next message, and what must have happened before that is sent. */
type OpenStay = { stay: PhysionetStay; bed: number; messages: Generator<ReplayMessage>; next: ReplayMessage; before: Promise<void>; abandoned: boolean };

/**
 * Replays stays of a PhysioNet/CinC 2019 file over MLLP, in order of their messages' time, on a clock of their own that
 * starts at the present hour, or after the last replay. The sites' clocks are moved by the messages alone (rate 0), so
 * that a slow machine makes no patient's data look old. A stay's next message waits for the answer to its last one, and
 * a new hour for the scores of the last one: no hour that brought a value is skipped, whatever the speed.
 *
 * The run's id is its first hour in base 36 and part of every record number: a second import makes new patients, the
 * same run resumed makes none. Errors: `import.*` of the file, `store.*` of the database; a listener that is away is waited for.
 */
export async function runImport(deps: ImportDeps, options: ImportOptions): Promise<ImportProgress> {
  const { speed, signal, concurrent = 24 } = options;
  const until = (await deps.replayedUntil()) ?? 0;
  const startsAt = options.run === undefined
    ? Math.max(Math.floor(deps.clock.now().getTime() / hourMs), Math.ceil(until / hourMs)) * hourMs
    : Number.parseInt(options.run, 36) * hourMs;
  const progress: ImportProgress = { run: (startsAt / hourMs).toString(36), stays: 0, ended: 0, septic: 0, marked: 0, abandoned: 0, accepted: 0, refused: new Map() };
  const sender = createReliableSender({ host: '127.0.0.1', port: options.port, pipelining: concurrent, signal });
  const opener = createOpener(deps, options, progress);
  const paceFrom = Math.max(startsAt, until);
  const wallFrom = performance.now();
  let hour = startsAt;
  const open: OpenStay[] = [];
  try {
    for (let bed = 1; bed <= concurrent; bed += 1) {
      const stay = await opener.open(bed, startsAt);
      if (stay === undefined) break;
      open.push(stay);
    }
    while (open.length > 0) {
      signal.throwIfAborted();
      const earliest = open.reduce((first, stay) => (stay.next.sentAt < first.next.sentAt ? stay : first));
      const dueInMs = (earliest.next.sentAt - paceFrom) / speed - (performance.now() - wallFrom);
      if (dueInMs > 1) await sleep(dueInMs, undefined, { signal });
      // By half hours: a discharge half an hour after the last hour must not overtake that hour's score.
      if (earliest.next.sentAt >= hour + hourMs / 2) {
        hour = Math.floor(earliest.next.sentAt / (hourMs / 2)) * (hourMs / 2);
        await Promise.all(open.map(({ before }) => before));
        await deps.settled();
      }
      await earliest.before;
      const sent = earliest.next;
      const following = earliest.abandoned ? undefined : earliest.messages.next();
      if (following !== undefined) {
        earliest.before = deliver(deps, options, progress, sender, earliest, sent);
        earliest.before.catch(() => undefined); // thrown where it is awaited next
      }
      if (following?.done === false) {
        earliest.next = following.value;
        continue;
      }
      await earliest.before;
      progress.ended += 1;
      const successor = await opener.open(earliest.bed, Math.ceil(sent.sentAt / hourMs) * hourMs);
      if (successor === undefined) open.splice(open.indexOf(earliest), 1);
      else open[open.indexOf(earliest)] = successor;
    }
  } finally {
    await Promise.allSettled(open.map(({ before }) => before));
    await opener.close();
    await sender.close();
  }
  options.onProgress?.(progress);
  return progress;
}

/** Reads stays one at a time and registers a hospital when its first patient comes. */
function createOpener(deps: ImportDeps, options: ImportOptions, progress: ImportProgress): { open(bed: number, icuAdmitAt: number): Promise<OpenStay | undefined>; close(): Promise<void> } {
  const stays = physionetStays(options.file);
  const registered = new Set<string>();
  return {
    async open(bed, icuAdmitAt) {
      if (progress.stays >= options.patients) return undefined;
      const read = await stays.next();
      if (read.done === true) return undefined;
      const stay = read.value;
      const source = physionetSource(stay.id);
      const { facility, siteName } = hospitals[source];
      if (!registered.has(facility)) {
        await deps.register({ application: physionetApplication, facility, siteCode: facility, siteName, mapping: source, clockRate: 0, simulated: false });
        registered.add(facility);
      }
      progress.stays += 1;
      if (stay.rows.some(({ label }) => label === 1)) progress.septic += 1;
      const messages = stayToMessages(stay, { icuAdmitAt, facility, bed: String(bed).padStart(2, '0'), run: progress.run, columnUnits: columnUnits(deps.codes, source) });
      const first = messages.next();
      if (first.done === true) return undefined; // every stay begins with its admission
      return { stay, bed, messages, next: first.value, before: Promise.resolve(), abandoned: false };
    },
    close: async () => { await stays.return(undefined); },
  };
}

/** Sends a message; after an admission the patient is marked before anything else of it is sent, so that no score is unmarked. */
async function deliver(deps: ImportDeps, options: ImportOptions, progress: ImportProgress, sender: ReliableSender, open: OpenStay, message: ReplayMessage): Promise<void> {
  const answer = await sender.send(message.text);
  count(progress, answer);
  if (message.admits !== undefined) {
    if (!answer.accepted) open.abandoned = true;
    else if (deps.inTraining(open.stay)) {
      if (await deps.markInTraining(message.admits)) progress.marked += 1;
      else open.abandoned = true;
    }
    if (open.abandoned) progress.abandoned += 1;
  }
  options.onProgress?.(progress);
}

function count(progress: ImportProgress, answer: Answer): void {
  if (answer.accepted) progress.accepted += 1;
  else progress.refused.set(answer.code, (progress.refused.get(answer.code) ?? 0) + 1);
}

/** The unit in which each column of a source stands (UCUM), for OBX-6. */
export function columnUnits(codes: CodeTable, source: 'physionet2019-a' | 'physionet2019-b'): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(codes.sources.get(source)?.columns ?? {}).map(([name, { unit }]) => [name, unit]));
}
