/** Where a patient lies, as the source's mapping reads the location field. `unit` is the kind of ICU (MICU, SICU …). */
export type StayLocation = { ward: string; bed: string; icu: boolean; unit?: string };

export type StayEventKind = 'admit' | 'transfer' | 'discharge' | 'cancel-admit' | 'cancel-transfer' | 'cancel-discharge';

/**
 * One thing that happened to a stay; append-only. `effectiveAt` is when it was true by the source's clock, (seq, n) when
 * we knew it. A cancellation names the event that it takes back.
 */
export type StayEvent = {
  seq: number;
  n: number;
  kind: StayEventKind;
  effectiveAt: number;
  /** Of an admit or a transfer. */
  location?: StayLocation;
  /** Of an admit: when the hospital stay began, where that is not the placement itself. */
  hospitalAdmittedAt?: number;
  /** Of a discharge: the patient died. */
  died?: boolean;
  cancels?: { seq: number; n: number };
};

/** The part of an event that is stored as JSON beside its columns. */
export type StayEventDetail = Pick<StayEvent, 'location' | 'hospitalAdmittedAt' | 'died'>;

export const eventName = ({ seq, n }: { seq: number; n: number }): string => `${seq}.${n}`;
