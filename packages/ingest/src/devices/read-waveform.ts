import { instantOf, isObject, jsonOf, maxWaveformSamples, refusedReading, type DeviceReading } from './device-reading.ts';
import { isName } from './read-samples.ts';

const missingInt16 = -0x8000;

/**
 * A stretch of a waveform. As JSON `{ code, start, periodMs, unit?, origin?, factor?, data }` with `data` a list of
 * numbers and nulls, or the text of FHIR's SampledData (R4, datatypes: numbers, `E` where nothing was measured; `U` and
 * `L`, beyond the limits, are kept as missing). As binary: a length (uint32, big endian), that much JSON without `data`,
 * then samples as int16, little endian, -32768 where nothing was measured.
 */
export function readWaveform(payload: Uint8Array): DeviceReading {
  const text = payload[0] === 0x7b; // `{`
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const headBytes = text || bytes.length < 4 ? 0 : bytes.readUInt32BE(0);
  const head = jsonOf(text ? bytes : bytes.subarray(4, 4 + headBytes));
  if (!isObject(head)) return refusedReading('device.payload-invalid');
  const raw = text ? fromData(head['data']) : fromBinary(bytes.subarray(4 + headBytes));
  const { code, periodMs, unit = '', origin = 0, factor = 1 } = head;
  const startAt = instantOf(head['start']);
  if (startAt === undefined) return refusedReading('device.time-missing');
  const valid = raw !== undefined && raw.length > 0 && raw.length <= maxWaveformSamples && typeof code === 'string' && isName(code)
    && typeof periodMs === 'number' && periodMs >= 0.01 && periodMs <= 60_000 && typeof unit === 'string' && unit.length <= 40
    && typeof origin === 'number' && typeof factor === 'number' && Number.isFinite(origin) && Number.isFinite(factor) && factor !== 0;
  return valid ? { ok: true, samples: [], waveform: { code, startAt, periodMs, unit, origin, factor, raw } } : refusedReading('device.payload-invalid');
}

function fromData(data: unknown): (number | null)[] | undefined {
  const list: unknown = typeof data === 'string' ? data.trim().split(/\s+/).map((word) => (['E', 'U', 'L'].includes(word) ? null : Number(word))) : data;
  if (!Array.isArray(list) || list.length > maxWaveformSamples) return undefined;
  const fits = (value: unknown): boolean => value === null || (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31);
  return list.every(fits) ? list as (number | null)[] : undefined; // every one was looked at
}

function fromBinary(bytes: Buffer): (number | null)[] | undefined {
  if (bytes.length % 2 !== 0) return undefined;
  return Array.from({ length: bytes.length / 2 }, (_, n) => {
    const value = bytes.readInt16LE(n * 2);
    return value === missingInt16 ? null : value;
  });
}
