import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PrimumError } from '@primum/base';

/** A disk of its own whose power can be cut. `directory` is where it is mounted. */
export type CuttableDisk = {
  directory: string;
  /** Everything written so far reaches the disk. */
  sync(): void;
  /**
   * From this call on nothing more reaches the disk, and what was written but not fsynced never will: the shutdown
   * ioctl of ext4 without a flush of its log. The page cache is of no help to the files afterwards, as it is after a
   * kill -9, where every file that was written is still there.
   */
  cut(): void;
  /** Ends every process that stands on the disk, takes it away and puts it back. */
  powerOn(): Promise<void>;
  remove(): Promise<void>;
};

/** _IOR('X', 125, __u32), linux/fs/ext4/ext4.h (EXT4_IOC_SHUTDOWN); 2: EXT4_GOING_FLAGS_NOLOGFLUSH. */
const shutdownIoctl = '0x8004587d';
const noLogFlush = 2;

/** Needs root on Linux, loop devices, mkfs.ext4 (e2fsprogs) and perl: all in a plain Debian. */
export function createCuttableDisk(megabytes = 2_048): CuttableDisk {
  const folder = mkdtempSync('/var/tmp/primum-power-cut-');
  chmodSync(folder, 0o711);
  const image = join(folder, 'disk.img');
  const directory = join(folder, 'disk');
  mkdirSync(directory);
  run('truncate', ['-s', `${megabytes}M`, image]);
  run('mkfs.ext4', ['-q', '-F', image]);
  const mount = (): void => {
    run('mount', ['-o', 'loop', image, directory]);
    chmodSync(directory, 0o711);
  };
  mount();
  return {
    directory,
    sync: () => run('sync', ['-f', directory]),
    cut: () => run('perl', ['-e', `open(my $d, '<', $ARGV[0]) or die "$!"; my $how = pack('L', ${noLogFlush}); ioctl($d, ${shutdownIoctl}, $how) or die "$!"`, directory]),
    powerOn: async () => {
      await unmount(directory);
      mount();
    },
    remove: async () => {
      await unmount(directory);
      rmSync(folder, { recursive: true });
    },
  };
}

async function unmount(directory: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    for (const pid of processesOn(directory)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch { /* it ended meanwhile */ }
    }
    const { status, stderr } = spawnSync('umount', [directory], { encoding: 'utf8' });
    if (status === 0) return;
    if (attempt === 50) throw new Error(`umount: ${stderr.trim()}`);
    await sleep(100);
  }
}

/** PostgreSQL's processes stand in their data directory. */
function processesOn(directory: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
    } catch {
      return false;
    }
  });
}

function run(command: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined || status !== 0) throw new PrimumError('config.invalid', `the power-cut torture can't ${command} here: ${error?.message ?? stderr.trim()}`);
}
