import { actorOf, type Principal, type Purpose } from '../access/principal.ts';

export const auditActions = [
  'phi.read', 'phi.write', 'access.refused', 'prediction.made', 'prediction.replayed', 'alert.raised', 'alert.acknowledged', 'alert.snoozed',
  'notice.read', 'sign-in', 'sign-out', 'user.changed', 'message.quarantined', 'message.replayed', 'message.discarded', 'audit.read', 'configuration.changed',
] as const;
export type AuditAction = (typeof auditActions)[number];
export type AuditOutcome = 'success' | 'minor-failure' | 'serious-failure';

export type AuditInput = {
  tenant: number;
  action: AuditAction;
  outcome: AuditOutcome;
  principal: Principal;
  purpose: Purpose;
  at: Date;
  patientId?: string;
  /** What was touched: a type of FHIR or of Primum, and an id. Never a name or a value. */
  entities?: readonly { type: string; id: string }[];
  /** Where from: an address, or nothing. */
  remote?: string;
};

/** DICOM and IHE codes: IHE BALP 1.1.3 profiles PatientRead, PatientCreate/Update, and DCM 110114 (user authentication). */
const shapes: Record<AuditAction, { type: readonly [system: string, code: string]; subtype: string; action: 'C' | 'R' | 'U' | 'E' }> = {
  'phi.read': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'read', action: 'R' },
  'phi.write': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'update', action: 'U' },
  'access.refused': { type: ['http://dicom.nema.org/resources/ontology/DCM', '110113'], subtype: 'access-refused', action: 'E' },
  'prediction.made': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'prediction', action: 'C' },
  'prediction.replayed': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'replay', action: 'E' },
  'alert.raised': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'alert', action: 'C' },
  'alert.acknowledged': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'acknowledge', action: 'U' },
  'alert.snoozed': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'snooze', action: 'U' },
  'notice.read': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'notice', action: 'U' },
  'sign-in': { type: ['http://dicom.nema.org/resources/ontology/DCM', '110114'], subtype: '110122', action: 'E' },
  'sign-out': { type: ['http://dicom.nema.org/resources/ontology/DCM', '110114'], subtype: '110123', action: 'E' },
  'user.changed': { type: ['http://dicom.nema.org/resources/ontology/DCM', '110113'], subtype: '110137', action: 'U' },
  'message.quarantined': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'quarantine', action: 'C' },
  'message.replayed': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'quarantine-replay', action: 'E' },
  'message.discarded': { type: ['http://terminology.hl7.org/CodeSystem/audit-event-type', 'rest'], subtype: 'quarantine-discard', action: 'U' },
  'audit.read': { type: ['http://dicom.nema.org/resources/ontology/DCM', '110101'], subtype: 'audit-log-used', action: 'R' },
  'configuration.changed': { type: ['http://dicom.nema.org/resources/ontology/DCM', '110113'], subtype: '110131', action: 'U' },
};

/** AuditEvent.outcome (FHIR R4): 0 success, 4 minor failure, 8 serious failure. */
const outcomes: Record<AuditOutcome, string> = { success: '0', 'minor-failure': '4', 'serious-failure': '8' };

/** FHIR R4 AuditEvent in the shape of IHE BALP: who, did what, to whom, for what purpose, with what outcome. */
export function toAuditEvent(id: string, input: AuditInput): object {
  const shape = shapes[input.action];
  const person = input.principal.kind === 'person' ? input.principal : undefined;
  const actor = actorOf(input.principal);
  return {
    resourceType: 'AuditEvent',
    id,
    type: { system: shape.type[0], code: shape.type[1] },
    subtype: [{ system: shape.subtype.startsWith('11') ? 'http://dicom.nema.org/resources/ontology/DCM' : 'http://hl7.org/fhir/restful-interaction', code: shape.subtype }],
    action: shape.action,
    recorded: input.at.toISOString(),
    outcome: outcomes[input.outcome],
    purposeOfEvent: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: input.purpose }] }],
    agent: [{
      type: { coding: [person === undefined ? { system: 'http://dicom.nema.org/resources/ontology/DCM', code: '110150' } : { system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] },
      who: { identifier: { value: actor } },
      requestor: true,
      ...(person === undefined ? {} : { role: [{ text: person.role }] }),
      ...(input.remote === undefined ? {} : { network: { address: input.remote, type: '2' } }),
    }],
    source: { observer: { display: 'Primum' }, type: [{ system: 'http://terminology.hl7.org/CodeSystem/security-source-type', code: '4' }] },
    entity: [
      ...(input.patientId === undefined ? [] : [{ what: { reference: `Patient/${input.patientId}` }, type: { system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type', code: '1' }, role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '1' } }]),
      ...(input.entities ?? []).map(({ type, id: entityId }) => ({ what: { reference: `${type}/${entityId}` }, type: { system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type', code: '2' } })),
    ],
  };
}
