import type { Hl7Header, Hl7Problem, UtcOffset } from '@primum/formats';
import type { MessageType } from './message-types.ts';

/** CX: an identifier with the authority that gave it. */
export type IdentifierReading = { value: string; authority: string; type: string };

/** PID, decoded. Undefined: not sent; null: the HL7 null value, "delete what you hold". */
export type PatientReading = {
  sequence: number;
  /** PID-3, every repetition in order. */
  identifiers: readonly IdentifierReading[];
  name: { family: string; given: readonly string[]; prefix: string; suffix: string } | null | undefined;
  /** FHIR date, as precise as it was sent. */
  birthDate: string | null | undefined;
  sex: 'male' | 'female' | 'other' | 'unknown' | null | undefined;
  address: { lines: readonly string[]; city: string; state: string; postalCode: string; country: string } | null | undefined;
  phone: string | null | undefined;
  /** PID-30, and PID-29 in milliseconds. */
  died: boolean | null | undefined;
  diedAt: number | undefined;
};

export type LocationReading = { pointOfCare: string; room: string; bed: string };

/** PV1, decoded. Times in milliseconds since the epoch. */
export type VisitReading = {
  sequence: number;
  /** PV1-19, else PID-18. */
  number: IdentifierReading | undefined;
  patientClass: string;
  location: LocationReading | undefined;
  admittedAt: number | undefined;
  /** PV1-44 names an hour at least; a day alone moves no admission. */
  admittedToTheHour: boolean;
  dischargedAt: number | undefined;
  disposition: string;
};

/** MRG-1, MRG-3 and MRG-5: whom, which account and which visit the PID before it (and the PV1 after it) stands for from now on. */
export type PriorReading = {
  sequence: number;
  /** Index of its PID among the subjects. */
  subject: number;
  identifiers: readonly IdentifierReading[];
  account: IdentifierReading | undefined;
  visit: IdentifierReading | undefined;
  /** PV1-19 of the PV1 that follows the MRG. */
  visitNow: IdentifierReading | undefined;
};

export type SubjectReading = { patient: PatientReading; visit: VisitReading | undefined; /** PID-18. */ account: IdentifierReading | undefined };

/** Table 0085, OBX-11, in what it asks for. */
export type ResultStatus = 'final' | 'preliminary' | 'corrected' | 'deleted' | 'wrong-patient' | 'cannot-be-obtained';

/** One OBX with what its OBR says about it. */
export type ResultReading = {
  sequence: number;
  /** 0 where no OBR stands before it. */
  obrSequence: number;
  code: { id: string; text: string; system: string; alternateId: string; alternateText: string; alternateSystem: string };
  subId: string;
  valueType: string;
  /** OBX-5 as text (first repetition); '' = no value. */
  text: string;
  comparator: '<' | '>' | '<=' | '>=' | undefined;
  /** Null where no plain number was sent. */
  number: number | null;
  /** OBX-6 as sent. */
  unit: string;
  referenceRange: string;
  interpretation: string;
  status: ResultStatus;
  effectiveAt: number;
  /** Where the effective time was read: `OBX-14`, `OBR-7` or `MSH-7`. */
  effectiveFrom: 'OBX-14' | 'OBR-7' | 'MSH-7';
  /** OBR-3, else OBR-2: the order's number; '' where none was sent. */
  order: string;
};

/** A message of a handled type, read without looking at the record. */
export type MessageReading = {
  header: Hl7Header;
  type: MessageType;
  /** MSH-7, milliseconds since the epoch. */
  messageAt: number;
  /** When it happened: EVN-6, else the visit's own time, else EVN-2, else MSH-7. */
  eventAt: number;
  /** One; two for A17 and A37, one a merge for A40 and its like, none for an appointment of nobody. */
  subjects: readonly SubjectReading[];
  priors: readonly PriorReading[];
  results: readonly ResultReading[];
};

export type ReadingOutcome = { ok: true; reading: MessageReading } | { ok: false; problem: Hl7Problem & { hl70357?: string } };

/** What a reader needs to know of the source: its offset, and its own authority where an identifier names none. */
export type ReadingSource = { utcOffset: UtcOffset; defaultAuthority: string };
