import { isObject, jsonOf, maxSamplesPerMessage, refusedReading, type DeviceReading, type DeviceSample } from './device-reading.ts';
import { isName } from './read-samples.ts';

/** Below this a time is relative to now (RFC 8428, 4.5.3), which is not the time of the sample. */
const absoluteFromS = 2 ** 28;

/**
 * SenML in JSON (RFC 8428). Base fields are resolved (4.6); a version above 10 or a field that must be understood and is
 * not (its name ends in `_`, 4.4) refuses the pack. Only numbers (`v`) are measurements here. What measured is the last
 * part of the name, after `:` or `/`.
 */
export function readSenml(payload: Uint8Array): DeviceReading {
  const pack = jsonOf(payload);
  if (!Array.isArray(pack) || pack.length === 0 || pack.length > maxSamplesPerMessage) return refusedReading('device.payload-invalid');
  const base = { name: '', time: 0, unit: undefined as string | undefined, value: 0 };
  const samples: DeviceSample[] = [];
  for (const record of pack as unknown[]) {
    if (!isObject(record)) return refusedReading('device.payload-invalid');
    const { bn = base.name, bt = base.time, bu = base.unit, bv = base.value, bver = 10, n = '', t = 0, u, v } = record;
    if (typeof bn !== 'string' || !isFinite(bt) || (bu !== undefined && typeof bu !== 'string') || !isFinite(bv) || !isFinite(bver) || bver > 10 || typeof n !== 'string' || !isFinite(t) || (u !== undefined && typeof u !== 'string')) return refusedReading('device.payload-invalid');
    if (Object.keys(record).some((field) => field.endsWith('_') || ['vs', 'vb', 'vd', 's'].includes(field))) return refusedReading('device.payload-invalid');
    Object.assign(base, { name: bn, time: bt, unit: bu, value: bv });
    if (v === undefined) {
      if (n !== '' || record['t'] !== undefined || u !== undefined) return refusedReading('device.payload-invalid');
      continue; // base fields alone
    }
    const name = `${bn}${n}`.split(/[:/]/).at(-1) ?? '';
    if (!isFinite(v) || !isName(name)) return refusedReading('device.payload-invalid');
    const seconds = bt + t;
    if (seconds < absoluteFromS) return refusedReading('device.time-missing');
    samples.push({ name, at: Math.round(seconds * 1_000), value: bv + v, unit: u ?? bu });
  }
  return samples.length === 0 ? refusedReading('device.payload-invalid') : { ok: true, samples };
}

function isFinite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
