import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Sql } from '@primum/store';
import type { PhiReader } from '@primum/trust';
import type { WaveformChunk } from './device-reading.ts';

/** Of the object store, what is used here. */
export type WaveformObjects = { put(content: Uint8Array): Promise<string>; get(digest: string): Promise<Buffer> };

/** `values` in the chunk's unit, null where nothing was measured. Times in epoch milliseconds. */
export type WaveformSegment = { deviceId: string; code: string; unit: string; startAt: number; endAt: number; periodMs: number; values: (number | null)[] };

const deflate = promisify<Uint8Array, Buffer>(deflateRaw);
const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflateRaw);
const missing = -0x8000_0000;
const longestBytes = 1024 * 1024;

export const waveformAad = (tenant: number, id: string): string => `${tenant}/waveform/${id}`;

/** A header of JSON (unit, origin, factor) with its length before it (uint32), then samples as int32, little endian; deflated. */
export function packWaveform({ unit, origin, factor, raw }: WaveformChunk): Promise<Buffer> {
  const head = Buffer.from(JSON.stringify({ unit, origin, factor }));
  const bytes = Buffer.alloc(4 + head.length + raw.length * 4);
  bytes.writeUInt32LE(head.length, 0);
  head.copy(bytes, 4);
  for (const [n, value] of raw.entries()) bytes.writeInt32LE(value ?? missing, 4 + head.length + n * 4);
  return deflate(bytes);
}

export async function unpackWaveform(packed: Uint8Array): Promise<{ unit: string; values: (number | null)[] }> {
  const bytes = await inflate(packed, { maxOutputLength: longestBytes });
  const headBytes = bytes.readUInt32LE(0);
  const { unit, origin, factor } = JSON.parse(bytes.subarray(4, 4 + headBytes).toString()) as { unit: string; origin: number; factor: number }; // packed above
  const values = Array.from({ length: (bytes.length - 4 - headBytes) / 4 }, (_, n) => {
    const raw = bytes.readInt32LE(4 + headBytes + n * 4);
    return raw === missing ? null : raw * factor + origin;
  });
  return { unit, values };
}

export type NewWaveform = { id: string; patientId: string; deviceId: string; code: string; startAt: number; endAt: number; periodMs: number; samples: number; digest: string; at: Date };

/** False: the same stretch stands there already. */
export async function writeWaveform(tx: Sql, tenant: number, row: NewWaveform): Promise<boolean> {
  const rows = await tx.query(`
    insert into waveform (tenant, id, patient_id, device_id, code, start_at, end_at, period_ms, samples, digest, recorded_at)
    values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000), to_timestamp($7::float8 / 1000), $8, $9, decode($10, 'hex'), $11)
    on conflict (tenant, id) do nothing returning id`,
  [tenant, row.id, row.patientId, row.deviceId, row.code, row.startAt, row.endAt, row.periodMs, row.samples, row.digest, row.at]);
  return rows.length > 0;
}

export type WaveformQuery = { patientIds: readonly string[]; code?: string; from: Date; to: Date; maxSamples: number };
type Row = { id: string; patient_id: string; device_id: string; code: string; start_at: Date; end_at: Date; period_ms: number; samples: number; digest: string };

/** Stretches that touch the time asked for, in order of channel and time; `more`: there were too many samples for one answer. */
export async function readWaveforms(deps: { db: Sql; objects: Pick<WaveformObjects, 'get'>; reader: PhiReader }, query: WaveformQuery): Promise<{ segments: WaveformSegment[]; more: boolean }> {
  const { db, objects, reader } = deps;
  const rows = await db.query<Row>(`
    select id, patient_id, device_id, code, start_at, end_at, period_ms, samples, encode(digest, 'hex') as digest from waveform
    where tenant = $1 and patient_id = any($2::uuid[]) and ($3::text is null or code = $3) and start_at < $5 and end_at > $4
    order by code, device_id, start_at limit 2000`, [reader.tenant, query.patientIds, query.code ?? null, query.from, query.to]);
  const segments: WaveformSegment[] = [];
  let samples = 0;
  for (const row of rows) {
    samples += row.samples;
    if (samples > query.maxSamples) return { segments, more: true };
    const plain = await reader.open(await objects.get(row.digest), row.patient_id, waveformAad(reader.tenant, row.id));
    const { unit, values } = await unpackWaveform(plain);
    reader.note({ patientId: row.patient_id, entities: [{ type: 'waveform', id: row.id }] });
    segments.push({ deviceId: row.device_id, code: row.code, unit, startAt: row.start_at.getTime(), endAt: row.end_at.getTime(), periodMs: row.period_ms, values });
  }
  return { segments, more: rows.length === 2_000 };
}

/** Intervals of a channel in which there is nothing, between `from` and `to`; a jitter of one and a half periods is none. */
export function gapsBetween(segments: readonly Pick<WaveformSegment, 'startAt' | 'endAt' | 'periodMs'>[], from: number, to: number): { from: number; to: number }[] {
  const gaps: { from: number; to: number }[] = [];
  let covered = from;
  for (const { startAt, endAt, periodMs } of [...segments].sort((a, b) => a.startAt - b.startAt)) {
    if (startAt - covered > periodMs * 1.5) gaps.push({ from: covered, to: startAt });
    covered = Math.max(covered, endAt);
  }
  if (to > covered) gaps.push({ from: covered, to });
  return gaps;
}
