import { Type } from 'typebox';
import { Instant, Text, Uuid } from '../common.ts';
import { DeviceCredential, DevicesPage, NewDeviceRequest, WaveformsView } from '../devices.ts';
import type { Route } from '../route.ts';

const byId = Type.Object({ id: Uuid });

/** Devices and waveforms. */
export const devicesRoutes = {
  devices: { method: 'GET', path: '/api/devices', needs: 'feed.read', response: DevicesPage },
  addDevice: { method: 'POST', path: '/api/devices', needs: 'feed.manage', body: NewDeviceRequest, response: DeviceCredential },
  /** A new secret; the old one lets nobody in any more. */
  renewDeviceCredential: { method: 'POST', path: '/api/devices/:id/credential', needs: 'feed.manage', params: byId, response: DeviceCredential },
  setDeviceDisabled: { method: 'PUT', path: '/api/devices/:id/disabled', needs: 'feed.manage', params: byId, body: Type.Object({ disabled: Type.Boolean() }) },
  /** From when it is on a patient, who must be one of the caller's. */
  attachDevice: { method: 'POST', path: '/api/devices/:id/attach', needs: 'record.write', params: byId, body: Type.Object({ patientId: Uuid, from: Type.Optional(Instant) }) },
  detachDevice: { method: 'POST', path: '/api/devices/:id/detach', needs: 'record.write', params: byId, body: Type.Object({ at: Type.Optional(Instant) }) },
  replayDevice: { method: 'POST', path: '/api/devices/:id/replay', needs: 'quarantine.replay', params: byId, response: Type.Object({ messages: Type.Integer() }) },
  /** Stretches of waveforms of a patient, an hour at most. */
  waveforms: { method: 'GET', path: '/api/waveforms', needs: 'patient.read', query: Type.Object({ patient: Uuid, code: Type.Optional(Text(64)), from: Instant, to: Instant }), response: WaveformsView },
} as const satisfies Record<string, Route>;
