import { PrimumError } from '@primum/base';
import { lineageKinds, type LineageKind } from '@primum/contract';

export type NodeAddress = { kind: LineageKind; parts: readonly string[] };

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const shapes: Readonly<Record<LineageKind, RegExp>> = {
  message: new RegExp(`^(${uuid})$`),
  resource: new RegExp(`^([A-Z][A-Za-z]{1,39})/(${uuid})/([1-9][0-9]{0,8})$`),
  fact: new RegExp(`^(${uuid})/(${uuid})/([1-9][0-9]{0,15})$`),
  feature: new RegExp(`^(${uuid})/([A-Za-z0-9_.-]{1,80})$`),
  snapshot: /^([0-9a-f]{64})$/,
  run: /^([0-9a-f]{64})$/,
  model: /^([0-9a-f]{64})$/,
  prediction: new RegExp(`^(${uuid})$`),
  alert: new RegExp(`^(${uuid})$`),
  action: new RegExp(`^(${uuid})/([1-9][0-9]{0,5})$`),
};

/** Reads `kind:name`; throws api.request-invalid. */
export function parseNode(text: string): NodeAddress {
  const [kindText = '', ...rest] = text.split(':');
  const kind = lineageKinds.find((known) => known === kindText);
  const match = kind === undefined ? null : shapes[kind].exec(rest.join(':'));
  if (kind === undefined || match === null) throw new PrimumError('api.request-invalid', `node: one of ${lineageKinds.map((known) => `${known}:…`).join(', ')}`);
  return { kind, parts: match.slice(1) };
}
