import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { canMountDisks } from './support/available.ts';
import { ask } from './support/booted.ts';
import { acknowledgesMore, bootInHome, expectNothingLost, streamMessages } from './support/under-load.ts';

/** A file system of 320 MB in memory, filled and emptied by a ballast file. */
async function smallDisk(): Promise<{ directory: string; fill(): Promise<void>; free(): Promise<void>; [Symbol.asyncDispose](): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'primum-disk-full-'));
  await chmod(folder, 0o711);
  const directory = join(folder, 'disk');
  await mkdir(directory);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=320m,mode=0711', 'tmpfs', directory], { encoding: 'utf8' });
  if (mounted.status !== 0) throw new Error(mounted.stderr);
  const ballast = join(directory, 'ballast');
  return {
    directory,
    fill: async () => {
      const { bavail, bsize } = statfsSync(directory);
      await writeFile(ballast, Buffer.alloc(bavail * bsize)).catch((error: unknown) => {
        // The system writes as well: what is not there for the last of the ballast is full.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      });
    },
    free: () => rm(ballast, { force: true }),
    [Symbol.asyncDispose]: async () => {
      spawnSync('umount', [directory]);
      await rm(folder, { recursive: true });
    },
  };
}

describe.skipIf(!canMountDisks())('a disk that is full under the whole system (needs root on Linux)', () => {
  it('has senders refused and keep their messages, and is all right again once there is space, without a restart', async () => {
    await using disk = await smallDisk();
    const primum = await bootInHome(join(disk.directory, 'home'));
    const stream = streamMessages(primum.mllpPort);
    try {
      await acknowledgesMore(stream, 40, 10_000);
      await disk.fill();
      const refusedForSpace = (): number => stream.refused.get('AR 207 store.disk-full') ?? 0;
      for (let turn = 0; turn < 500 && refusedForSpace() < 20; turn += 1) await sleep(20);
      expect(refusedForSpace()).toBeGreaterThanOrEqual(20);
      expect((await ask(primum.httpPort, { path: '/api/health' })).status).toBe(200);
      // Writes the log only, until that can't be written either: PostgreSQL gives up, and can't recover before there is space.
      for (let i = 0; i < 12; i += 1) {
        await primum.core.db.query("select pg_logical_emit_message(true, 'test', repeat('x', 8000000))", []).catch(() => undefined);
      }
      await sleep(500);
      expect((await ask(primum.httpPort, { path: '/api/health' })).status).toBe(200);
      expect([...stream.refused.keys()]).toContain('AR 207 store.unreachable');

      await disk.free();
      await acknowledgesMore(stream, 40, 15_000);
      await stream.stop();
      expect([...stream.refused.keys()].filter((answer) => !/^AR 207 (store\.|trust\.key-store-unusable$)/.test(answer))).toEqual([]);
      await expectNothingLost(primum, stream);
    } finally {
      await disk.free();
      await stream.stop();
      await primum.stop();
    }
  });
});
