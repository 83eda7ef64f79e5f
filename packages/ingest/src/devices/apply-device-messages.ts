import type { ErrorCode } from '@primum/contract';
import { errorFields, PrimumError, type Log } from '@primum/base';
import { lockGroup, uuidOf, writeResources, type WriteDeps, type WriteOperation } from '@primum/record';
import { mintSystemPrincipal, withPhiWriter } from '@primum/trust';
import { deviceMessageAad } from './device-acceptor.ts';
import type { DeviceCodes } from './device-codes.ts';
import { readPlaces, type DevicePlaces } from './device-places.ts';
import type { DeviceSample, MessageKind, WaveformChunk } from './device-reading.ts';
import { readPayload } from './read-payload.ts';
import { sampleObservation } from './sample-observation.ts';
import { intervalOf, isKept, type Kept } from './thinning.ts';
import { packWaveform, waveformAad, writeWaveform, type WaveformObjects } from './waveforms.ts';

export type ApplyDevicesDeps = WriteDeps & { deviceCodes: DeviceCodes; objects: Pick<WaveformObjects, 'put'>; log: Log; /** By device and code; belongs to one applier. */ kept: Map<string, Kept> };

type Row = { id: string; device_id: string; kind: MessageKind; received_at: Date; sealed: Buffer };
type Channel = { deviceId: string; code: string; kept: number; thinned: number; lastAt: number };
type Outcome = { id: string; /** Why it lies in quarantine; null where it was applied. */ code: ErrorCode | null; times: readonly number[] };
type Plan = { outcomes: Outcome[]; operations: Map<string, WriteOperation>; patients: Map<string, string>; waveforms: { messageId: string; deviceId: string; patientId: string; chunk: WaveformChunk }[]; channels: Map<string, Channel>; kept: Map<string, Kept> };

const mostKept = 50_000;
const ours = { principal: mintSystemPrincipal('ingest'), purpose: 'TREAT', authority: 'patient.write' } as const;

/**
 * Applies the oldest waiting messages, at most `limit`: samples become Observations and facts of whoever the device was on
 * at the sample's own time, stretches of waveforms become sealed objects. Then the messages are marked. A crash between
 * the two repeats it, which changes nothing: ids are made of device, code and time. What cannot be placed keeps its
 * message in quarantine whole; what of it could be placed is on record. Gives how many were taken.
 */
export async function applyDeviceMessages(deps: ApplyDevicesDeps, tenant: number, limit: number): Promise<number> {
  const rows = await deps.db.query<Row>(
    "select id, device_id, kind, received_at, sealed from device_message where tenant = $1 and status = 'received' order by arrival limit $2", [tenant, limit]);
  if (rows.length === 0) return 0;
  const places = await readPlaces(deps.db, tenant, [...new Set(rows.map(({ device_id }) => device_id))]);
  try {
    await carryOut(deps, tenant, await planOf(deps, tenant, rows, places));
  } catch (error) {
    if (isFault(error)) throw error;
    for (const row of rows) {
      try {
        await carryOut(deps, tenant, await planOf(deps, tenant, [row], places));
      } catch (single) {
        if (isFault(single)) throw single;
        deps.log.warn('device.not-applied', { ...errorFields(single), messageId: row.id });
        await setAside(deps, tenant, row, single instanceof PrimumError && /^(record|device)\./.test(single.code) ? single.code : 'ingest.apply-failed');
      }
    }
  }
  return rows.length;
}

/** A fault of the database or the key store is waited out and never blamed on a message. */
function isFault(error: unknown): boolean {
  return error instanceof PrimumError && (error.code.startsWith('store.') || error.code.startsWith('trust.key-store') || error.code === 'record.version-conflict');
}

/** A message of somebody who was erased is emptied; any other stays whole. */
async function setAside(deps: ApplyDevicesDeps, tenant: number, row: Row, code: ErrorCode): Promise<void> {
  const erased = code === 'record.erased' || code === 'record.reference-unknown';
  await markMessages(deps, tenant, [{ id: row.id, code: erased ? null : code, times: [] }], []);
}

async function planOf(deps: ApplyDevicesDeps, tenant: number, rows: readonly Row[], places: DevicePlaces): Promise<Plan> {
  const plan: Plan = { outcomes: [], operations: new Map(), patients: new Map(), waveforms: [], channels: new Map(), kept: new Map() };
  for (const row of rows) {
    const reading = readPayload(row.kind, await deps.keys.open(tenant, row.sealed, deviceMessageAad(tenant, row.id)), row.received_at.getTime());
    const place = places.get(row.device_id);
    if (!reading.ok || place === undefined) {
      plan.outcomes.push({ id: row.id, code: reading.ok ? 'device.unknown' : reading.code, times: timesOf(reading.ok ? reading : { samples: [] }) });
      continue;
    }
    const lost: number[] = [];
    for (const sample of reading.samples) {
      const patientId = place.patientAt(sample.at);
      if (patientId === undefined) lost.push(sample.at);
      else planSample(deps, tenant, plan, { deviceId: row.device_id, patientId, everyS: place.keepEveryS }, sample);
    }
    if (reading.waveform !== undefined) {
      const { startAt } = reading.waveform;
      const patientId = place.patientAt(startAt);
      const last = startAt + reading.waveform.periodMs * (reading.waveform.raw.length - 1);
      // A stretch is one person's or is looked at by somebody.
      if (patientId === undefined || place.patientAt(last) !== patientId) lost.push(startAt, last);
      else plan.waveforms.push({ messageId: row.id, deviceId: row.device_id, patientId, chunk: reading.waveform });
    }
    plan.outcomes.push({ id: row.id, code: lost.length === 0 ? null : 'device.not-attached', times: lost });
  }
  return plan;
}

function timesOf({ samples, waveform }: { samples: readonly DeviceSample[]; waveform?: WaveformChunk }): number[] {
  return waveform === undefined ? samples.map(({ at }) => at) : [waveform.startAt, waveform.startAt + waveform.periodMs * (waveform.raw.length - 1)];
}

function planSample(deps: ApplyDevicesDeps, tenant: number, plan: Plan, place: { deviceId: string; patientId: string; everyS: number }, sample: DeviceSample): void {
  const code = deps.deviceCodes.find(sample.name);
  const channel = channelOf(plan, place.deviceId, code?.loinc ?? sample.name, sample.at);
  const label = `${place.deviceId} ${place.patientId} ${sample.name}`;
  if (!isKept(sample, { everyS: place.everyS, change: code?.change }, plan.kept.get(label) ?? deps.kept.get(label))) {
    channel.thinned += 1;
    return;
  }
  plan.kept.set(label, { interval: intervalOf(sample.at, place.everyS), value: sample.value });
  channel.kept += 1;
  const resource = sampleObservation({ keys: deps.keys, codes: deps.deviceCodes }, tenant, place, sample);
  plan.operations.set(resource.id ?? '', { kind: 'update', resource });
}

function channelOf({ channels }: Plan, deviceId: string, code: string, at: number): Channel {
  const label = `${deviceId} ${code}`;
  const channel = channels.get(label) ?? { deviceId, code, kept: 0, thinned: 0, lastAt: at };
  channel.lastAt = Math.max(channel.lastAt, at);
  channels.set(label, channel);
  return channel;
}

const mostOperations = 2_000;

async function carryOut(deps: ApplyDevicesDeps, tenant: number, plan: Plan): Promise<void> {
  const operations = [...plan.operations.values()];
  for (let from = 0; from < operations.length; from += mostOperations) {
    await writeResources(deps, { tenant, ...ours, action: 'device.samples-applied' }, operations.slice(from, from + mostOperations));
  }
  for (const { messageId, deviceId, patientId, chunk } of plan.waveforms) {
    const written = await keepWaveform(deps, tenant, { messageId, deviceId, patientId, chunk });
    if (written) channelOf(plan, deviceId, chunk.code, chunk.startAt).kept += chunk.raw.length;
  }
  await markMessages(deps, tenant, plan.outcomes, [...plan.channels.values()]);
  for (const [label, kept] of plan.kept) {
    deps.kept.delete(label);
    deps.kept.set(label, kept);
  }
  while (deps.kept.size > mostKept) deps.kept.delete(deps.kept.keys().next().value!);
}

/** The object is durable before its row is; one that a crash leaves without a row is nobody's to read and goes with its patient's key. */
async function keepWaveform(deps: ApplyDevicesDeps, tenant: number, { deviceId, patientId, chunk }: Plan['waveforms'][number]): Promise<boolean> {
  const id = uuidOf(deps.keys.token(tenant, 'identifier', JSON.stringify(['waveform', deviceId, patientId, chunk.code, chunk.startAt, chunk.periodMs, chunk.raw.length])));
  const packed = await packWaveform(chunk);
  return deps.db.transaction(async (tx) => {
    const { memberIds } = await lockGroup(tx, tenant, patientId);
    if (!memberIds.includes(patientId)) throw new PrimumError('record.erased');
    const known = await tx.query('select from waveform where tenant = $1 and id = $2', [tenant, id]);
    if (known.length > 0) return false;
    return withPhiWriter(deps, tx, { tenant, principal: ours.principal, purpose: ours.purpose, action: 'device.waveform-stored', scope: { patientIds: [patientId] } }, async (writer) => {
      await writer.ensure([patientId]);
      const digest = await deps.objects.put(writer.seal(patientId, packed, waveformAad(tenant, id)));
      const endAt = chunk.startAt + chunk.periodMs * chunk.raw.length;
      return writeWaveform(tx, tenant, { id, patientId, deviceId, code: chunk.code, startAt: chunk.startAt, endAt, periodMs: chunk.periodMs, samples: chunk.raw.length, digest, at: deps.clock.now() });
    });
  });
}

async function markMessages({ db }: Pick<ApplyDevicesDeps, 'db'>, tenant: number, outcomes: readonly Outcome[], channels: readonly Channel[]): Promise<void> {
  const bound = (times: readonly number[], pick: (a: number, b: number) => number): number | null => (times.length === 0 ? null : times.reduce((a, b) => pick(a, b)) / 1_000);
  await db.transaction(async (tx) => {
    await tx.query(`
      update device_message m set status = case when t.code is null then 'applied' else 'quarantined' end, reason_code = t.code,
        sealed = case when t.code is null then null else m.sealed end, first_at = to_timestamp(t.first_at), last_at = to_timestamp(t.last_at)
      from unnest($2::uuid[], $3::text[], $4::float8[], $5::float8[]) as t(id, code, first_at, last_at)
      where m.tenant = $1 and m.id = t.id and m.status = 'received'`,
    [tenant, outcomes.map(({ id }) => id), outcomes.map(({ code }) => code), outcomes.map(({ times }) => bound(times, Math.min)), outcomes.map(({ times }) => bound(times, Math.max))]);
    if (channels.length === 0) return;
    await tx.query(`
      insert into device_channel as c (tenant, device_id, code, kept, thinned, last_at)
      select $1, t.device_id, t.code, t.kept, t.thinned, to_timestamp(t.last_at) from unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::float8[]) as t(device_id, code, kept, thinned, last_at)
      on conflict (tenant, device_id, code) do update set kept = c.kept + excluded.kept, thinned = c.thinned + excluded.thinned, last_at = greatest(c.last_at, excluded.last_at)`,
    [tenant, channels.map(({ deviceId }) => deviceId), channels.map(({ code }) => code), channels.map(({ kept }) => kept), channels.map(({ thinned }) => thinned), channels.map(({ lastAt }) => lastAt / 1_000)]);
  });
}
