import type { Json } from '../v2-to-fhir/element-path.ts';

/** What the mapping tables made of a message's part. References are the bundle's own URLs until it is applied. */
export type KeptPart = {
  url: string;
  body: Json;
  /** Element → the field that it was read from, for the Provenance. */
  elements: Readonly<Record<string, string>>;
  /** Elements that the sender deleted (`""`). */
  deletes: readonly string[];
};

export type KeptResource = KeptPart & {
  type: string;
  /** Whether its identity is everybody's, or holds within the patient's record only. */
  shared: boolean;
  /** Parts of its identity, beside the type and the patient. */
  identity: readonly string[];
  /** Of a DiagnosticReport: its OBR, whose results it names. */
  obr: number | undefined;
  /** Of a document: the one that it follows. */
  parent: readonly string[] | undefined;
};

export type KeptReading = {
  /** What PID and its kin say besides what `reading` reads of it. */
  patient: KeptPart | undefined;
  encounter: KeptPart | undefined;
  /** By the sequence of OBX: what it says besides. */
  observations: ReadonlyMap<number, KeptPart>;
  resources: readonly KeptResource[];
  /** What a reference says where what it leads to is not kept: an identifier, or a name. */
  spoken: ReadonlyMap<string, Json>;
  /** Segments that no table reads, as they were sent; Z-segments among them. */
  unread: readonly string[];
};
