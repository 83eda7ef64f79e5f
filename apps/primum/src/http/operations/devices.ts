import { errorCatalogue, type DevicesPage, type ErrorCode, type WaveformsView } from '@primum/contract';
import { PrimumError } from '@primum/base';
import { attachDevice, detachDevice, gapsBetween, listDevices, readWaveforms, registerDevice, renewCredential, replayDevice, setDeviceDisabled, type DeviceKind, type WaveformSegment } from '@primum/ingest';
import { loadPurposeViews, patientGroup } from '@primum/record';
import { withPhiReader } from '@primum/trust';
import { tenant } from '../../core.ts';
import { writeDepsOf } from '../../fhir.ts';
import { optionalText, readerOf, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

type Names = 'devices' | 'addDevice' | 'renewDeviceCredential' | 'setDeviceDisabled' | 'attachDevice' | 'detachDevice' | 'replayDevice' | 'waveforms';

const longestMs = 3_600_000;
const maxSamples = 500_000;

/** Devices that send over MQTT, on whom they are, and the waveforms that they sent. */
export function devicesOperations({ core, fhir, devices }: HandlerDeps): Record<Names, Handler> {
  const deps = writeDepsOf(core, fhir);
  const views = loadPurposeViews();
  const callOf = (call: Call) => ({ tenant, principal: readerOf(call), purpose: call.purpose });
  return {
    devices: async (call): Promise<DevicesPage> => {
      const { devices: rows, quarantine } = await listDevices(deps, callOf(call));
      return {
        devices: rows.map((row) => ({ ...row, lastReceivedAt: row.lastReceivedAt?.toISOString() ?? null, lastSampleAt: row.lastSampleAt?.toISOString() ?? null })),
        quarantine: quarantine.map((row) => ({ ...row, action: errorCatalogue[row.code as ErrorCode].action, since: row.since.toISOString() })), // the applier writes codes of the catalogue
        mqttPort: devices.mqttPort(),
      };
    },
    addDevice: async (call) => {
      const wanted = call.body as { name: string; kind: DeviceKind; keepEveryS?: number; silentAfterS?: number }; // validated against the route's schema
      return registerDevice(deps, callOf(call), wanted);
    },
    renewDeviceCredential: async (call) => {
      const id = textOf(call.params, 'id');
      return { id, ...await renewCredential(deps, callOf(call), id) };
    },
    setDeviceDisabled: async (call) => {
      await setDeviceDisabled(deps, callOf(call), textOf(call.params, 'id'), (call.body as { disabled: boolean }).disabled); // as above
      return null;
    },
    attachDevice: async (call) => {
      const { patientId, from } = call.body as { patientId: string; from?: string }; // as above
      await attachDevice(deps, callOf(call), { id: textOf(call.params, 'id'), patientId, from: from === undefined ? core.clock.now() : new Date(from) });
      devices.kick();
      return null;
    },
    detachDevice: async (call) => {
      const { at } = call.body as { at?: string }; // as above
      await detachDevice(deps, callOf(call), { id: textOf(call.params, 'id'), at: at === undefined ? core.clock.now() : new Date(at) });
      return null;
    },
    replayDevice: async (call) => {
      const messages = await replayDevice(deps, callOf(call), textOf(call.params, 'id'));
      devices.kick();
      return { messages };
    },
    waveforms: async (call): Promise<WaveformsView> => {
      const [from, to] = [new Date(textOf(call.query, 'from')), new Date(textOf(call.query, 'to'))];
      if (!(to > from) || to.getTime() - from.getTime() > longestMs) throw new PrimumError('api.request-invalid', 'from and to are at most an hour apart');
      const patientId = textOf(call.query, 'patient');
      const code = optionalText(call.query, 'code');
      // A purpose that sees the minimum sees no waveform: there is no part of one that is less of a person.
      if (views[call.purpose] !== undefined) throw new PrimumError('policy.view-missing', 'waveforms');
      const { memberIds } = await patientGroup(core.db, tenant, patientId);
      return withPhiReader(core, { ...callOf(call), scope: { patientIds: memberIds }, action: 'waveform.read', resourceType: 'Observation' }, async (reader) => {
        const { segments, more } = await readWaveforms({ db: core.db, objects: core.objects, reader }, { patientIds: memberIds, ...(code === undefined ? {} : { code }), from, to, maxSamples });
        return { from: from.toISOString(), to: to.toISOString(), channels: channelsOf(segments, from, to), more };
      });
    },
  };
}

function channelsOf(segments: readonly WaveformSegment[], from: Date, to: Date): WaveformsView['channels'] {
  return [...Map.groupBy(segments, ({ code, deviceId, unit }) => `${code} ${deviceId} ${unit}`).values()].map((own) => ({
    code: own[0]!.code, deviceId: own[0]!.deviceId, unit: own[0]!.unit, // a group has a member
    segments: own.map(({ startAt, periodMs, values }) => ({ start: new Date(startAt).toISOString(), periodMs, values })),
    gaps: gapsBetween(own, from.getTime(), to.getTime()).map((gap) => ({ from: new Date(gap.from).toISOString(), to: new Date(gap.to).toISOString() })),
  }));
}
