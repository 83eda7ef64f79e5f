/** What a message does to patients, stays and facts; the rest of what it says becomes resources (`keep/`). */
export type MessageEffect =
  | 'admit' | 'transfer' | 'discharge' | 'cancel-admit' | 'cancel-transfer' | 'cancel-discharge' | 'swap' | 'delete-visit'
  /** The patient, and the visit where there is one; nobody is moved. */
  | 'update'
  /** The patient alone, made where unknown. */
  | 'person'
  /** A visit to come: the patient, and an Encounter that no stay stands behind yet. */
  | 'plan'
  | 'merge' | 'change-identifier' | 'unlink' | 'merge-account' | 'move-visit'
  /** Nothing to patients and stays: results, orders, appointments, documents, charges. */
  | 'none';

export type MessageType = {
  code: string;
  event: string;
  does: MessageEffect;
  /** PIDs: one, two, as many as there are merges (`many`), or none where nobody is meant (`optional`). */
  patients: 'one' | 'two' | 'many' | 'optional';
  /** Whether somebody unknown is put on record by it, or the message waits in quarantine. */
  makesPatient: boolean;
  needsVisit: boolean;
  /** What OBX are: facts and Observations, Observations alone, or read as what they stand in (a document). */
  results: 'facts' | 'observations' | 'none';
  /** Whether the mapping tables read the rest of it. Messages about two patients are not read by them. */
  keeps: boolean;
};

type Shape = Omit<MessageType, 'code' | 'event'>;
const adt: Shape = { does: 'update', patients: 'one', makesPatient: false, needsVisit: true, results: 'facts', keeps: true };
const merges: Shape = { does: 'merge', patients: 'many', makesPatient: true, needsVisit: false, results: 'none', keeps: false };
const other: Shape = { does: 'none', patients: 'one', makesPatient: false, needsVisit: false, results: 'observations', keeps: true };

const rows: readonly [code: string, events: string, shape: Shape][] = [
  ['ADT', 'A01 A04', { ...adt, does: 'admit', makesPatient: true }],
  ['ADT', 'A02', { ...adt, does: 'transfer' }],
  ['ADT', 'A03', { ...adt, does: 'discharge' }],
  ['ADT', 'A05 A14', { ...adt, does: 'plan', makesPatient: true }],
  // A change of class: for many senders the first that is heard of an inpatient.
  ['ADT', 'A06 A07', { ...adt, does: 'admit', makesPatient: true }],
  ['ADT', 'A08', { ...adt, needsVisit: false }],
  // On the way somewhere, arrived from somewhere: a stay's place is what A02 says.
  ['ADT', 'A09 A10', adt],
  ['ADT', 'A11', { ...adt, does: 'cancel-admit' }],
  ['ADT', 'A12', { ...adt, does: 'cancel-transfer' }],
  ['ADT', 'A13', { ...adt, does: 'cancel-discharge' }],
  ['ADT', 'A17', { ...adt, does: 'swap', patients: 'two', keeps: false }],
  ['ADT', 'A23', { ...adt, does: 'delete-visit' }],
  ['ADT', 'A28 A31', { ...adt, does: 'person', makesPatient: true, needsVisit: false }],
  ['ADT', 'A34 A36 A40', merges],
  ['ADT', 'A47', { ...merges, does: 'change-identifier' }],
  ['ADT', 'A35', { ...merges, does: 'merge-account', patients: 'one', makesPatient: false }],
  ['ADT', 'A44 A45', { ...merges, does: 'move-visit', patients: 'one' }],
  ['ADT', 'A37', { ...merges, does: 'unlink', patients: 'two', makesPatient: false }],
  ['ORU', 'R01 R03', { ...other, results: 'facts' }],
  ['ORM', 'O01', other],
  ['OML', 'O21', other],
  ['OMG', 'O19', other],
  ['SIU', 'S12 S13 S14 S15 S16 S17 S26', { ...other, patients: 'optional', makesPatient: true }],
  ['MDM', 'T01 T02 T03 T04 T05 T06 T07 T08 T09 T10 T11', { ...other, results: 'none' }],
  ['DFT', 'P03', other],
  ['VXU', 'V04', { ...other, makesPatient: true }],
  ['RDE', 'O11', other],
  ['BAR', 'P01', { ...other, makesPatient: true }],
];

/** Every message that is accepted, by `CODE^EVENT`; docs/hl7.md says the same in words. */
export const messageTypes: ReadonlyMap<string, MessageType> = new Map(
  rows.flatMap(([code, events, shape]) => events.split(' ').map((event): [string, MessageType] => [`${code}^${event}`, { code, event, ...shape }])),
);

export const messageCodes: ReadonlySet<string> = new Set(rows.map(([code]) => code));
