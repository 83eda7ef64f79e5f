import { type DeviceReading, type MessageKind } from './device-reading.ts';
import { readSamples } from './read-samples.ts';
import { readSenml } from './read-senml.ts';
import { readWaveform } from './read-waveform.ts';

const readers: Readonly<Record<MessageKind, (payload: Uint8Array) => DeviceReading>> = { samples: readSamples, senml: readSenml, waveform: readWaveform };
const earliest = Date.UTC(2000, 0, 1);
const aheadMs = 5 * 60_000;

/** A device's clock may be a little ahead of ours and no more; what was measured before 2000 was by a clock never set. */
export function readPayload(kind: MessageKind, payload: Uint8Array, receivedAt: number): DeviceReading {
  const reading = readers[kind](payload);
  if (!reading.ok) return reading;
  const { waveform } = reading;
  const times = waveform === undefined ? reading.samples.map(({ at }) => at) : [waveform.startAt, waveform.startAt + waveform.periodMs * waveform.raw.length];
  return times.every((at) => at >= earliest && at <= receivedAt + aheadMs) ? reading : { ok: false, code: 'device.time-implausible' };
}
