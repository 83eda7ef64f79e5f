/**
 * The power is cut while messages stream in: a disk of its own is shut down in mid-write without a flush, everything
 * on it is killed, and it is mounted again. Every message that was acknowledged must be there and readable. The same
 * with `fsync=off` must lose some, or the torture proves nothing.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDb } from '@primum/store';
import type { Torture } from './main.ts';
import { createCuttableDisk, type CuttableDisk } from './power-cut/cuttable-disk.ts';
import { sendUntilLost, type Sending } from './power-cut/sender.ts';

type Station = { child: ChildProcess; port: number; url: string };

export const runPowerCut: Torture = async (options) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('power-cut needs root on Linux (it mounts a disk of its own)');
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
      const streaming = sendUntilLost(station.port, sending);
      await sleep(1_500 + Math.random() * 1_500);
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
    const lost = await countLost(station, sending.acknowledged, fsyncOff);
    return { acknowledged: sending.acknowledged.size, lost, refused: sending.refused, opened: true };
  } finally {
    station?.child.kill('SIGKILL');
    await disk.remove();
  }
}

async function start(disk: CuttableDisk, fsyncOff: boolean): Promise<Station> {
  const script = join(import.meta.dirname, 'power-cut', 'station.ts');
  const child = spawn(process.execPath, [script, join(disk.directory, 'home'), ...(fsyncOff ? ['--fsync-off'] : [])], { stdio: ['ignore', 'pipe', fsyncOff ? 'ignore' : 'inherit'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  while (!said.includes('\n')) {
    if ((await Promise.race([once(child.stdout, 'data'), ended, sleep(60_000)])) === undefined || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error('the station did not start');
    }
  }
  return { child, ...(JSON.parse(said) as { port: number; url: string }) }; // our own script's line
}

/** Acknowledged messages that are not there, or can't be opened and applied once the lanes have run dry. */
async function countLost(station: Station, acknowledged: ReadonlySet<string>, acceptUnsafe: boolean): Promise<number> {
  const db = await openDb({ url: station.url, max: 1, acceptUnsafe });
  try {
    for (const until = Date.now() + 120_000; Date.now() < until; await sleep(100)) {
      const [row] = await db.query<{ waiting: number }>("select count(*) as waiting from message where status = 'received'");
      if (row?.waiting === 0) break;
    }
    const there = await db.query<{ control_id: string }>("select control_id from message where status = 'applied'");
    const applied = new Set(there.map((row) => row.control_id));
    return [...acknowledged].filter((id) => !applied.has(id)).length;
  } finally {
    await db.close();
  }
}
