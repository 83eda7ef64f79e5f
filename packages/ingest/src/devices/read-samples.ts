import { instantOf, isObject, jsonOf, maxSamplesPerMessage, refusedReading, type DeviceReading, type DeviceSample } from './device-reading.ts';

/** `{ "seq"?, "samples": [{ "at", "code", "value", "unit"? }] }`, see docs/devices.md. All of a message is read or nothing. */
export function readSamples(payload: Uint8Array): DeviceReading {
  const root = jsonOf(payload);
  const list = isObject(root) ? root['samples'] : undefined;
  if (!Array.isArray(list) || list.length === 0 || list.length > maxSamplesPerMessage) return refusedReading('device.payload-invalid');
  const samples: DeviceSample[] = [];
  for (const item of list as unknown[]) {
    if (!isObject(item)) return refusedReading('device.payload-invalid');
    const { code, value, unit } = item;
    const at = instantOf(item['at']);
    if (at === undefined) return refusedReading('device.time-missing');
    const name = typeof code === 'number' ? String(code) : code;
    if (typeof name !== 'string' || !isName(name) || typeof value !== 'number' || !Number.isFinite(value) || (unit !== undefined && (typeof unit !== 'string' || unit.length > 40))) return refusedReading('device.payload-invalid');
    samples.push({ name, at, value, unit });
  }
  return { ok: true, samples };
}

/** A name becomes a code in clear on the Devices page: a word of a code system, and no text. */
export const isName = (name: string): boolean => /^[A-Za-z][A-Za-z0-9_.-]{0,63}$|^\d{1,10}(-\d)?$/.test(name);
