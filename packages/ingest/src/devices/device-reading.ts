import type { ErrorCode } from '@primum/contract';

/** One measurement as its device said it. `at` in epoch milliseconds, of the device. No unit: the table's. */
export type DeviceSample = { name: string; at: number; value: number; unit: string | undefined };

/** A stretch of evenly spaced samples: value = raw · factor + origin; null where the device measured nothing. */
export type WaveformChunk = { code: string; startAt: number; periodMs: number; unit: string; origin: number; factor: number; raw: readonly (number | null)[] };

export type DeviceReading = { ok: true; samples: readonly DeviceSample[]; waveform?: WaveformChunk } | { ok: false; code: ErrorCode };

export const maxSamplesPerMessage = 1_000;
export const maxWaveformSamples = 100_000;

export const messageKinds = ['samples', 'senml', 'waveform'] as const;
export type MessageKind = (typeof messageKinds)[number];

export const refusedReading = (code: ErrorCode): DeviceReading => ({ ok: false, code });

/** An instant that says its offset, or epoch milliseconds; undefined where it is neither. */
export function instantOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value > 0 ? value : undefined;
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

export function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
