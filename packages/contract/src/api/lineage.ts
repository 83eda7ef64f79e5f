import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Uuid } from './common.ts';

/** From left to right: what was made of what. */
export const lineageKinds = ['message', 'resource', 'fact', 'feature', 'snapshot', 'run', 'model', 'prediction', 'alert', 'action'] as const;
export type LineageKind = (typeof lineageKinds)[number];

/**
 * `id` is `kind:` and what names the thing: `message:UUID`, `resource:TYPE/UUID/VERSION`, `fact:PATIENT/KEY/SEQ`,
 * `feature:PREDICTION/NAME`, `snapshot:SHA256`, `run:SHA256` (of the package it made), `model:SHA256`, `prediction:UUID`,
 * `alert:UUID`, `action:ALERT/N`. Labels hold codes, times and numbers of the log, never what a patient's record says.
 */
export const LineageNode = Type.Object({
  id: Type.String(),
  kind: OneOf(lineageKinds),
  label: Type.String(),
  at: Nullable(Instant),
  patientId: Nullable(Uuid),
  state: OneOf(['present', 'withdrawn', 'erased'] as const),
});
export type LineageNode = Type.Static<typeof LineageNode>;

export const LineageGraph = Type.Object({
  root: Type.String(),
  direction: OneOf(['up', 'down'] as const),
  nodes: Type.Array(LineageNode),
  /** `to` was made of `from`. */
  edges: Type.Array(Type.Object({ from: Type.String(), to: Type.String() })),
  /** There is more than the limit let through. */
  truncated: Type.Boolean(),
});
export type LineageGraph = Type.Static<typeof LineageGraph>;
