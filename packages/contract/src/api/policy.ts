import { Type } from 'typebox';
import { purposes } from '../roles.ts';
import { Instant, Nullable, OneOf, Text, Uuid } from './common.ts';

/** Break-glass: whom, or whose stay, and why in words. Exactly one of the two ids. */
export const EmergencyRequest = Type.Object({
  patientId: Type.Optional(Uuid),
  stayId: Type.Optional(Uuid),
  reason: Text(500, 10),
}, { additionalProperties: false });
export type EmergencyRequest = Type.Static<typeof EmergencyRequest>;

/** An emergency access of the asking person that is open. `stayId`: the patient's latest stay. */
export const EmergencyAccess = Type.Object({ id: Uuid, patientId: Uuid, stayId: Nullable(Uuid), openedAt: Instant, until: Instant });
export type EmergencyAccess = Type.Static<typeof EmergencyAccess>;

/** A medical record number, in a body so that it stands in no address. */
export const LocateRequest = Type.Object({ mrn: Text(64, 1) }, { additionalProperties: false });

/** Somebody who is here, and whether the asking person may read them; nothing that says who it is. */
export const LocatedPatient = Type.Object({
  patientId: Uuid, stayId: Nullable(Uuid),
  /** `emergency`: with an emergency access only. */
  access: OneOf(['open', 'emergency', 'none'] as const),
});
export type LocatedPatient = Type.Static<typeof LocatedPatient>;

export const patientKindNames = ['none', 'treated', 'elsewhere', 'emergency', 'restricted', 'ai-opt-out', 'research-opt-out'] as const;
export type PatientKindName = (typeof patientKindNames)[number];

/** Who may do what, decided now by the policies in force, for one purpose and one kind of patient. */
export const PolicyPage = Type.Object({
  epoch: Type.String(),
  purpose: OneOf(purposes),
  patient: OneOf(patientKindNames),
  principals: Type.Array(Type.String()),
  /** Authorities that anybody holds here, each with one decision a principal. */
  rows: Type.Array(Type.Object({ authority: Type.String(), decisions: Type.Array(Type.Object({ allowed: Type.Boolean(), by: Type.Array(Type.String()) })) })),
  policies: Type.Array(Type.Object({ id: Type.String(), effect: OneOf(['permit', 'forbid'] as const), place: Type.String(), comment: Type.String(), text: Type.String() })),
});
export type PolicyPage = Type.Static<typeof PolicyPage>;
