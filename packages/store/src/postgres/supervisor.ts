import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { PrimumError, type Log } from '@primum/base';
import { findBinaries, type Binaries } from './binaries.ts';
import { claimServer, type Held } from './claim.ts';
import { assertSameMajor, initCluster } from './cluster.ts';
import { layoutOf, makeHome, writeConf, type Layout } from './layout.ts';
import { runningPostmaster, stopPostmaster } from './postmaster.ts';
import { assertReachable, chooseRunAs, ownerOf, type RunAs } from './run-as.ts';
import type { UnsafeSettings } from './settings.ts';

export type StartStage = 'installing' | 'initialising' | 'starting' | 'recovering' | 'ready';

export type StartOptions = {
  home: string;
  log: Log;
  onProgress?: (stage: StartStage) => void;
  /** The power-cut control only: a server that may lose what it acknowledged. openDb refuses it. */
  unsafe?: UnsafeSettings;
};

export type Postgres = {
  connection: { url: string };
  version: string;
  /** Fast shutdown; resolves when the server has gone. */
  stop(): Promise<void>;
};

type Deps = { layout: Layout; binaries: Binaries; runAs: RunAs; log: Log; onProgress: (stage: StartStage) => void };

const readyLimitMs = 600_000; // the log of a long outage may have to be replayed
const orphanPatienceMs = 2_000; // how long a dead Primum's session may take to end
const startLimit = 20;

/**
 * Starts PostgreSQL on the home and keeps it running.
 *
 * States: none → (orphan → stopped) → starting → recovering → ready ⇄ crashed → stopped. An orphan is a server whose
 * Primum was killed: it runs, but nobody holds the supervisor's lock in it; it is stopped, and ours started, so that
 * the settings are today's. A server that somebody looks after is left alone (store.in-use). A server that dies
 * under us is started again with growing pauses, for as long as we are asked to run.
 */
export async function startPostgres(options: StartOptions): Promise<Postgres> {
  const onProgress = options.onProgress ?? ((): void => undefined);
  const layout = layoutOf(options.home);
  const { binaries, runAs } = await prepare(layout, onProgress, options.unsafe);
  const deps: Deps = { layout, binaries, runAs, log: options.log, onProgress };
  const started = await start(deps);
  onProgress('ready');
  return supervise(deps, started);
}

/** Files, data directory and settings; starts nothing. */
async function prepare(layout: Layout, onProgress: Deps['onProgress'], unsafe: UnsafeSettings | undefined): Promise<{ binaries: Binaries; runAs: RunAs }> {
  const exists = existsSync(join(layout.data, 'PG_VERSION'));
  const runAs = exists ? ownerOf(layout.data) : chooseRunAs();
  makeHome(layout.home, runAs);
  assertReachable(runAs, layout.home);
  if (!exists) onProgress('installing');
  const binaries = await findBinaries(layout.home);
  if (!exists) {
    onProgress('initialising');
    await initCluster(layout, binaries, runAs);
  }
  assertSameMajor(layout, binaries);
  writeConf(layout, runAs, binaries.major, unsafe);
  return { binaries, runAs };
}

type Started = { child: ChildProcess; exited: Promise<void>; claim: Held };

async function start(deps: Deps): Promise<Started> {
  deps.onProgress('starting');
  for (let attempt = 1; ; attempt += 1) {
    await stopOrphan(deps);
    const running = launch(deps);
    const outcome = await ready(deps, running);
    if (outcome !== undefined) return { ...running, claim: outcome };
    const last = lastLogLine(deps.layout.log);
    // Left over for a moment from a server that was killed, or another Primum that started at the same time.
    const passing = /lock file|shared memory|semaphores|already in use/.test(last);
    if (!passing || attempt >= startLimit) {
      throw new PrimumError(/No space left/.test(last) ? 'store.disk-full' : 'store.start-failed', last);
    }
    await sleep(100 * attempt);
  }
}

/** Returns when no server runs on the data directory; throws store.in-use where a live Primum's does. */
async function stopOrphan({ layout, log, onProgress }: Deps): Promise<void> {
  let takenSince: number | undefined;
  const begun = performance.now();
  for (;;) {
    const pid = runningPostmaster(layout.data);
    if (pid === undefined) return;
    const claim = await claimServer(adminUrl(layout));
    const now = performance.now();
    if (claim.state === 'taken') {
      takenSince ??= now;
      if (now - takenSince > orphanPatienceMs) throw new PrimumError('store.in-use', layout.home);
    } else if (claim.state === 'claimed' || now - begun > (claim.state === 'starting' ? readyLimitMs : 2_000)) {
      if (claim.state === 'claimed') await claim.release();
      log.warn('postgres.orphan-stopped', { pid });
      await stopPostmaster(pid);
      return;
    } else if (claim.state === 'starting') {
      onProgress('recovering');
    }
    await sleep(50);
  }
}

/**
 * In a session of its own: the terminal's Ctrl-C is for us, and we stop the server when we are done with it. It
 * writes its log through its own descriptor, so it can outlive us without a broken pipe.
 */
function launch({ layout, binaries, runAs }: Deps): { child: ChildProcess; exited: Promise<void> } {
  rotateLog(layout.log);
  const log = openSync(layout.log, 'a', 0o600);
  try {
    const child = spawn(join(binaries.bin, 'postgres'), ['-D', layout.data, '-c', `config_file=${join(layout.conf, 'postgresql.conf')}`], {
      cwd: layout.data,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', log, log],
      detached: true,
      ...(runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }),
    });
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.unref();
    return { child, exited };
  } finally {
    closeSync(log);
  }
}

/** The supervisor's session once the server answers; undefined where the server exited instead. */
async function ready(deps: Deps, { child, exited }: Pick<Started, 'child' | 'exited'>): Promise<Held | undefined> {
  let gone = false;
  void exited.then(() => { gone = true; });
  const begun = performance.now();
  let takenSince: number | undefined;
  while (!gone) {
    const claim = await claimServer(adminUrl(deps.layout));
    if (claim.state === 'claimed') {
      await createDatabase(claim.client);
      return claim;
    }
    const waitedMs = performance.now() - begun;
    if (claim.state === 'taken') takenSince ??= waitedMs;
    if (takenSince !== undefined && waitedMs - takenSince > orphanPatienceMs) throw new PrimumError('store.in-use', deps.layout.home);
    if (claim.state === 'starting' && waitedMs > 1_000) deps.onProgress('recovering');
    if (waitedMs > readyLimitMs) {
      if (child.pid !== undefined) await stopPostmaster(child.pid, 5_000);
      throw new PrimumError('store.start-failed', 'it did not become ready in time');
    }
    await Promise.race([sleep(15), exited]);
  }
  return undefined;
}

async function createDatabase(client: pg.Client): Promise<void> {
  const { rows } = await client.query("select 1 from pg_database where datname = 'primum'");
  if (rows.length > 0) return;
  await client.query('create database primum');
}

function supervise(deps: Deps, first: Started): Postgres {
  const { log, layout } = deps;
  let current = first;
  let stopping = false;
  const wake = new AbortController(); // ends a pause between two starts when we are asked to stop

  /** The server ends every session when one of its processes crashes, and goes on: take the lock again. */
  const keepClaim = async (started: Started): Promise<void> => {
    let gone = false;
    void started.exited.then(() => { gone = true; });
    while (!stopping && !gone) {
      await started.claim.ended;
      for (let pauseMs = 50, held = false; !held && !stopping && !gone; pauseMs = Math.min(pauseMs * 2, 2_000)) {
        const claim = await claimServer(adminUrl(layout));
        held = claim.state === 'claimed';
        if (claim.state === 'claimed') started.claim = claim;
        else await sleep(pauseMs);
      }
    }
    // Asked to stop, or the server went, while the lock was being taken: nobody else will let it go.
    await started.claim.release();
  };

  const keepRunning = async (): Promise<void> => {
    void keepClaim(current);
    for (let pauseMs = 100; ;) {
      const startedAt = performance.now();
      await current.exited;
      if (stopping) return;
      log.error('postgres.exited', { status: String(current.child.exitCode ?? current.child.signalCode) });
      if (performance.now() - startedAt > 60_000) pauseMs = 100;
      for (let again = true; again;) {
        await sleep(pauseMs, undefined, { signal: wake.signal }).catch(() => undefined);
        if (stopping) return;
        pauseMs = Math.min(pauseMs * 2, 5_000);
        try {
          current = await start(deps);
          again = false;
        } catch (error) {
          log.error('postgres.restart-failed', { code: error instanceof PrimumError ? error.code : 'unknown' });
        }
      }
      log.warn('postgres.restarted', {});
      void keepClaim(current);
      if (stopping) await end(current); // asked to stop while it was starting
    }
  };
  const done = keepRunning();

  return {
    connection: { url: layout.url },
    version: deps.binaries.version,
    stop: async () => {
      if (!stopping) {
        stopping = true;
        wake.abort();
        await end(current);
      }
      await done;
    },
  };
}

async function end({ child, claim }: Started): Promise<void> {
  await claim.release();
  child.ref(); // its end is now waited for
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) await stopPostmaster(child.pid);
}

function adminUrl(layout: Layout): string {
  return layout.url.replace(/\/primum$/, '/postgres');
}

const logLimitBytes = 10_000_000;

function rotateLog(path: string): void {
  if (existsSync(path) && statSync(path).size > logLimitBytes) renameSync(path, `${path}.1`);
}

/** The server's own words on why it did not start; the settings keep values out of them. */
function lastLogLine(path: string): string {
  const lines = readFileSync(path, 'utf8').slice(-4_000).trim().split('\n');
  return lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? lines.at(-1) ?? '';
}
