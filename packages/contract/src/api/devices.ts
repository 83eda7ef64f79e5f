import { Type, type Static } from 'typebox';
import { Instant, Nullable, OneOf, Text, Uuid } from './common.ts';

const NullableInstant = Nullable(Instant);
const Count = Type.Integer({ minimum: 0 });
const DeviceKindWord = OneOf(['monitor', 'ventilator', 'pump', 'wearable', 'other']);

export const DeviceRow = Type.Object({
  id: Uuid, name: Type.String(), kind: DeviceKindWord, keepEveryS: Count, disabled: Type.Boolean(), attached: Type.Boolean(),
  /** On a patient, and nothing came for longer than it may. */
  silent: Type.Boolean(),
  received: Count, repeated: Count, /** With QoS 0. */ atMostOnce: Count, kept: Count, thinned: Count, quarantined: Count, lastReceivedAt: NullableInstant, lastSampleAt: NullableInstant,
});
export type DeviceRow = Static<typeof DeviceRow>;

export const DeviceQuarantineRow = Type.Object({ deviceId: Uuid, code: Type.String(), action: Type.String(), messages: Count, since: Instant });
export type DeviceQuarantineRow = Static<typeof DeviceQuarantineRow>;

export const DevicesPage = Type.Object({ devices: Type.Array(DeviceRow), quarantine: Type.Array(DeviceQuarantineRow), /** Where devices connect; null: no listener. */ mqttPort: Nullable(Type.Integer()) });
export type DevicesPage = Static<typeof DevicesPage>;

export const NewDeviceRequest = Type.Object({ name: Text(100), kind: DeviceKindWord, keepEveryS: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })), silentAfterS: Type.Optional(Type.Integer({ minimum: 5, maximum: 604_800 })) });

/** The secret is told this once. */
export const DeviceCredential = Type.Object({ id: Uuid, secret: Type.String() });

/** Values are in the channel's unit, null where nothing was measured. `gaps`: where there is nothing between `from` and `to`. */
export const WaveformsView = Type.Object({
  from: Instant, to: Instant,
  channels: Type.Array(Type.Object({
    code: Type.String(), deviceId: Uuid, unit: Type.String(),
    segments: Type.Array(Type.Object({ start: Instant, periodMs: Type.Number(), values: Type.Array(Type.Union([Type.Number(), Type.Null()])) })),
    gaps: Type.Array(Type.Object({ from: Instant, to: Instant })),
  })),
  /** There was more than one answer holds: ask for a shorter time. */
  more: Type.Boolean(),
});
export type WaveformsView = Static<typeof WaveformsView>;
