import { Type, type Static } from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: 'date-time' });

/** The state of the key store. Counts are of the last walk over all keys; null before the first. */
export const KeyState = Type.Object({
  store: Type.Union([Type.Literal('files'), Type.Literal('vault')]),
  masterFrom: Type.Union([Type.Literal('beside'), Type.Literal('file'), Type.Literal('transit')]),
  /** Oldest first; the last wraps. `keys`: how many rest on it. */
  masters: Type.Array(Type.Object({ generation: Type.Integer({ minimum: 1 }), since: Time, keys: Type.Union([Count, Type.Null()]) })),
  tenantGeneration: Type.Integer({ minimum: 1 }),
  walk: Type.Union([Type.Null(), Type.Object({
    endedAt: Time, patients: Count, tenant: Count, index: Count, intake: Count, unreadable: Count,
  })]),
});
export type KeyState = Static<typeof KeyState>;

export const RotateKeys = Type.Object({ what: Type.Union([Type.Literal('master'), Type.Literal('tenant')]) });
export type RotateKeys = Static<typeof RotateKeys>;
