import { Type, type TSchema } from 'typebox';

/** Instants are ISO 8601 in UTC with milliseconds. Those of the record are the source's clock, not the wall's. */
export const Instant = Type.String({ format: 'date-time' });
export const Uuid = Type.String({ format: 'uuid' });
/** Text from outside, bounded; without NUL, which no database text holds. */
export const Text = (maxLength: number, minLength = 0) => Type.String({ minLength, maxLength, pattern: '^[^\\u0000]*$' });
/** A count or version as the database keeps it (int4). */
export const Int32 = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** One of these words; its static type is their union. */
export const OneOf = <const T extends string[]>(values: readonly [...T]) => Type.Enum<T>(values);

export const ApiError = Type.Object({
  code: Type.String(),
  message: Type.String(),
  action: Type.String(),
});
export type ApiError = Type.Static<typeof ApiError>;
