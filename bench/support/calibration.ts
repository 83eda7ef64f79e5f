import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

export type Calibration = {
  cpu_model: string; cores: number; node: string; load_average_1min: number;
  fsyncs_per_s: number; sha256_mb_per_s: number;
};

const partMs = 400;

/** What this machine does right now, so that figures taken on two machines can be compared: half a second each. */
export async function calibrateMachine(directory: string): Promise<Calibration> {
  return {
    cpu_model: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    load_average_1min: Math.round(loadavg()[0]! * 100) / 100,
    fsyncs_per_s: fsyncsPerSecond(directory),
    sha256_mb_per_s: sha256PerSecond(),
  };
}

/** 8 KiB appended and fsynced, one after the other. */
function fsyncsPerSecond(directory: string): number {
  const scratch = mkdtempSync(join(directory, 'primum-calibration-'));
  const descriptor = openSync(join(scratch, 'log'), 'w');
  const page = Buffer.alloc(8_192, 1);
  let count = 0;
  const startedAt = performance.now();
  while (performance.now() - startedAt < partMs) {
    writeSync(descriptor, page);
    fsyncSync(descriptor);
    count += 1;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  closeSync(descriptor);
  rmSync(scratch, { recursive: true });
  return Math.round(count / seconds);
}

function sha256PerSecond(): number {
  const block = Buffer.alloc(1_048_576, 7);
  let count = 0;
  const startedAt = performance.now();
  while (performance.now() - startedAt < partMs) {
    createHash('sha256').update(block).digest();
    count += 1;
  }
  return Math.round((count / (performance.now() - startedAt)) * 1000);
}
