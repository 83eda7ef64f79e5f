/**
 * The power is cut while messages stream into a `primum up`: a disk of its own is shut down in mid-write without a
 * flush, everything on it is killed, and it is mounted again. Every message that was acknowledged must be there,
 * applied, and its content must open. The same with `fsync=off`, which `primum up` refuses and so a station of the
 * same parts stands in, must lose some, or the torture proves nothing.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PrimumError } from '@primum/base';
import { registerSource } from '@primum/ingest';
import { openDb } from '@primum/store';
import { openKeys } from '@primum/trust';
import { readRunFile } from '../../apps/primum/src/run-file.ts';
import type { Torture } from './main.ts';
import { createCuttableDisk, type CuttableDisk } from './power-cut/cuttable-disk.ts';
import { powerCutSource, sendUntilLost, type Sending } from './power-cut/sender.ts';

type Station = { child: ChildProcess; port: number; url: string };

export const runPowerCut: Torture = async (options) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new PrimumError('config.invalid', 'the power-cut torture mounts a disk of its own: it needs root on Linux');
  const cuts = Number(options['cuts'] ?? 5);
  const safe = await cutAgainAndAgain(cuts, false);
  const control = await cutAgainAndAgain(1, true);
  return {
    cuts, acknowledged: safe.acknowledged, lost: safe.lost, refused: safe.refused,
    control_acknowledged: control.acknowledged, control_lost: control.lost, control_opened: control.opened,
    passed: safe.lost === 0 && control.lost > 0,
  };
};

async function cutAgainAndAgain(cuts: number, fsyncOff: boolean): Promise<{ acknowledged: number; lost: number; refused: number; opened: boolean }> {
  const disk = createCuttableDisk();
  const sending: Sending = { next: 0, acknowledged: new Set(), refused: 0 };
  let station: Station | undefined;
  try {
    station = await start(disk, fsyncOff);
    disk.sync(); // the empty database is on the disk, in the control as well
    for (let cut = 1; cut <= cuts; cut += 1) {
      const before = sending.acknowledged.size;
      const streaming = sendUntilLost(station.port, sending);
      for (const until = Date.now() + 60_000; sending.acknowledged.size < before + 200 && Date.now() < until;) await sleep(10);
      if (fsyncOff) disk.sync(); // so that what the control loses is what was not synced, not everything
      await sleep(500 + Math.random() * 1_500);
      disk.cut();
      await sleep(100); // an acknowledgement from now on is one more that must be true
      station.child.kill('SIGKILL');
      await Promise.all([streaming, disk.powerOn()]);
      try {
        station = await start(disk, fsyncOff);
      } catch (error) {
        if (!fsyncOff) throw error;
        return { acknowledged: sending.acknowledged.size, lost: sending.acknowledged.size, refused: sending.refused, opened: false };
      }
      process.stderr.write(`cut ${cut} of ${cuts}${fsyncOff ? ' (fsync off)' : ''}: ${sending.acknowledged.size} acknowledged\n`);
    }
    const lost = await countLost(station, join(disk.directory, 'home'), sending.acknowledged, fsyncOff);
    return { acknowledged: sending.acknowledged.size, lost, refused: sending.refused, opened: true };
  } finally {
    station?.child.kill('SIGKILL');
    await disk.remove();
  }
}

async function start(disk: CuttableDisk, fsyncOff: boolean): Promise<Station> {
  const home = join(disk.directory, 'home');
  return fsyncOff ? startControl(home) : startPrimum(home);
}

async function startPrimum(home: string): Promise<Station> {
  const main = join(import.meta.dirname, '..', '..', 'apps', 'primum', 'src', 'main.ts');
  const { DATABASE_URL: _url, ...env } = process.env;
  const child = spawn(process.execPath, [main, 'up', '--no-ward', '--no-console', '--home', home, '--http-port', '0', '--mllp-port', '0'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  await saying(child, 'Ctrl-C stops it');
  const running = readRunFile(home);
  if (running?.pid !== child.pid || running === undefined) throw new Error('primum up left no word of where it listens');
  const db = await openDb({ url: running.databaseUrl, max: 1 });
  await registerSource(db, powerCutSource);
  await db.close();
  return { child, port: running.mllpPort, url: running.databaseUrl };
}

async function startControl(home: string): Promise<Station> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'power-cut', 'control.ts'), home], { stdio: ['ignore', 'pipe', 'ignore'] });
  return { child, ...(JSON.parse(await saying(child, '\n')) as { port: number; url: string }) }; // our own script's line
}

/** What a process has printed once it has printed `word`. */
async function saying(child: ChildProcess, word: string): Promise<string> {
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said.includes(word)) resolve();
  });
  child.once('exit', (code) => reject(new Error(`it ended with ${code} while it started`)));
  const timer = setTimeout(() => reject(new Error('it did not start in time')), 60_000);
  try {
    await promise;
    return said;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Acknowledged messages that are not there, not applied once the lanes have run dry, or can't be opened. */
async function countLost({ url }: Station, home: string, acknowledged: ReadonlySet<string>, fsyncOff: boolean): Promise<number> {
  const db = await openDb({ url, max: 1, acceptUnsafe: fsyncOff });
  try {
    for (const until = Date.now() + (fsyncOff ? 15_000 : 120_000); Date.now() < until; await sleep(100)) {
      const [row] = await db.query<{ waiting: number }>("select count(*) as waiting from message where status = 'received'");
      if (row?.waiting === 0) break;
    }
    const keys = await openKeys({ directory: join(home, 'keys') });
    const { tenant } = powerCutSource;
    const whole = new Set<string>();
    for (const { id, control_id, sealed } of await db.query<{ id: string; control_id: string; sealed: Buffer }>("select id, control_id, sealed from message where status = 'applied'")) {
      const content = await keys.open(tenant, sealed, `message|${tenant}|${id}`).catch(() => undefined);
      if (content?.includes(`|${control_id}|`) === true) whole.add(control_id);
    }
    return [...acknowledged].filter((id) => !whole.has(id)).length;
  } finally {
    await db.close();
  }
}
