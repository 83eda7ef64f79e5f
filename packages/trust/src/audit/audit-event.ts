import type { AuditEvent, AuditEventAgent, AuditEventEntity, Coding } from '@medplum/fhirtypes';
import { actorOf, type Principal, type Purpose } from '../access/principal.ts';

/** Who acted: a principal, or at sign-in the keyed token of a name that is no user's. */
export type AuditActor = Principal | { kind: 'unknown'; usernameToken: string; remote?: string };

/**
 * One thing to put on the audit log. `action` is ours (`phi.read`, `worklist.read`, `prediction.made`, `sign-in`, …);
 * entities are ids, never content: a capitalised type is a FHIR resource's. With several `patientIds` the event stands
 * in each one's history.
 */
export type AuditInput = {
  tenant: number;
  action: string;
  outcome: AuditOutcome;
  principal: AuditActor;
  purpose: Purpose;
  patientId?: string;
  patientIds?: readonly string[];
  entities?: readonly AuditEntity[];
  /** Wall time. */
  at: Date;
};
export type AuditOutcome = 'success' | 'minor-failure' | 'serious-failure';
export type AuditEntity = { type: string; id: string };

const dcm = 'http://dicom.nema.org/resources/ontology/DCM';
const ihe = 'https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.';
const entityType = 'http://terminology.hl7.org/CodeSystem/audit-entity-type';
const objectRole = 'http://terminology.hl7.org/CodeSystem/object-role';
const outcomeCodes = { success: '0', 'minor-failure': '4', 'serious-failure': '8' } as const;

type Kind = { action: NonNullable<AuditEvent['action']>; type: Coding; subtype?: Coding; profile?: string };
const rest: Coding = { code: 'rest', system: 'http://terminology.hl7.org/CodeSystem/audit-event-type' };
const interaction = (code: string): Coding => ({ code, system: 'http://hl7.org/fhir/restful-interaction' });
const read: Kind = { action: 'R', type: rest, subtype: interaction('read'), profile: `${ihe}PatientRead` };
const search: Kind = { action: 'E', type: rest, subtype: interaction('search-type') };
const update: Kind = { action: 'U', type: rest, subtype: interaction('update'), profile: `${ihe}PatientUpdate` };
const activity: Kind = { action: 'E', type: { code: '110100', system: dcm } };
const signInOut = (code: string): Kind => ({ action: 'E', type: { code: '110114', system: dcm }, subtype: { code, system: dcm } });
const kinds: Readonly<Record<string, Kind>> = { 'sign-in': signInOut('110122'), 'sign-out': signInOut('110123') };

/** What BALP and DICOM (PS3.16, CID 400 and 401) call our action: reads and writes by their last word. */
function kindOf(action: string): Kind {
  if (Object.hasOwn(kinds, action)) return kinds[action]!;
  if (action.endsWith('.read')) return read;
  if (action.endsWith('.search')) return search;
  return action.endsWith('.write') ? update : activity;
}

/**
 * The event as a FHIR R4 AuditEvent in the shape of IHE's Basic Audit Log Patterns (BALP 1.1, PatientRead and
 * PatientUpdate). BALP has one patient per event; an event of ours about several names each and claims no profile,
 * because a worklist is read many times a minute and a row per bed and look would drown what matters.
 * Properties are written in the order of canonical JSON, so that `JSON.stringify` gives the canonical form (a test
 * holds it to that); patients and things are identified, never named.
 */
export function auditEvent(id: string, input: AuditInput): AuditEvent {
  const kind = kindOf(input.action);
  const patients = patientsOf(input);
  const fits = kind.profile !== undefined && patients.length === 1 && input.outcome === 'success' && (input.entities?.length ?? 0) > 0;
  return {
    action: kind.action,
    agent: agentsOf(input, kind),
    entity: [...(input.entities ?? []).map(dataEntity), ...patients.map(patientEntity)],
    id,
    ...(fits ? { meta: { profile: [kind.profile!] } } : {}),
    outcome: outcomeCodes[input.outcome],
    purposeOfEvent: [{ coding: [{ code: input.purpose, system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason' }] }],
    recorded: input.at.toISOString(),
    resourceType: 'AuditEvent',
    source: { observer: { display: 'primum' }, type: [{ code: '4', system: 'http://terminology.hl7.org/CodeSystem/security-source-type' }] },
    subtype: [...(kind.subtype === undefined ? [] : [kind.subtype]), { code: input.action, system: 'urn:primum:audit-action' }],
    type: kind.type,
  };
}

/** In a read, data flows from the server (DCM 110153, source) to the client (110152, destination); else the client is the source. */
function agentsOf({ principal }: AuditInput, kind: Kind): AuditEventAgent[] {
  const [client, server] = kind.action === 'R' ? ['110152', '110153'] : ['110153', '110152'];
  const remote = principal.kind === 'system' ? undefined : principal.remote;
  const role = (code: string): NonNullable<AuditEventAgent['type']> => ({ coding: [{ code, system: dcm }] });
  return [
    { network: { address: remote ?? 'localhost', type: remote === undefined ? '1' : '2' }, requestor: false, type: role(client!), who: { display: remote === undefined ? 'primum' : 'console' } },
    { network: { address: 'localhost', type: '1' }, requestor: false, type: role(server!), who: { display: 'primum' } },
    actingAgent(principal),
  ];
}

function actingAgent(actor: AuditActor): AuditEventAgent {
  const type = { coding: [{ code: 'IRCP', system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType' }] };
  if (actor.kind === 'unknown') return { requestor: true, type, who: { identifier: { system: 'urn:primum:username-token', value: actor.usernameToken } } };
  if (actor.kind === 'client') return { name: actorOf(actor), requestor: true, type, who: { identifier: { system: 'urn:primum:client', value: actor.clientId } } };
  if (actor.kind === 'system') return { name: actorOf(actor), requestor: true, type, who: { identifier: { system: 'urn:primum:system', value: actor.name } } };
  return { name: actorOf(actor), requestor: true, role: [{ text: actor.role }], type, who: { identifier: { system: 'urn:primum:user', value: actor.userId } } };
}

function patientEntity(id: string): AuditEventEntity {
  return { role: { code: '1', system: objectRole }, type: { code: '1', system: entityType }, what: { reference: `Patient/${id}` } };
}

function dataEntity({ type, id }: AuditEntity): AuditEventEntity {
  return {
    role: { code: '4', system: objectRole },
    type: { code: '2', system: entityType },
    what: /^[A-Z]/.test(type) ? { reference: `${type}/${id}` } : { identifier: { system: `urn:primum:${type}`, value: id } },
  };
}

export function patientsOf(input: Pick<AuditInput, 'patientId' | 'patientIds'>): string[] {
  const all = [...(input.patientId === undefined ? [] : [input.patientId]), ...(input.patientIds ?? [])];
  return all.length < 2 ? all : [...new Set(all)].sort();
}

/** What stands in clear beside a sealed event, as the event itself says it: verification compares the two. */
export function clearColumnsOf(event: AuditEvent): { recordedAt: string; actor: string; action: string; outcome: string; purpose: string; patients: string[] } {
  return {
    recordedAt: event.recorded ?? '',
    actor: event.agent?.at(-1)?.name ?? 'unknown',
    action: event.subtype?.at(-1)?.code ?? '',
    outcome: Object.entries(outcomeCodes).find(([, code]) => code === event.outcome)?.[0] ?? '',
    purpose: event.purposeOfEvent?.[0]?.coding?.[0]?.code ?? '',
    patients: (event.entity ?? []).filter(({ role }) => role?.code === '1').map(({ what }) => what?.reference?.slice('Patient/'.length) ?? ''),
  };
}

/** The entities that are no patients, as they were given. */
export function entitiesOf(event: AuditEvent): AuditEntity[] {
  return (event.entity ?? []).filter(({ role }) => role?.code !== '1').map(({ what }) => {
    const [type, id] = what?.reference?.split('/') ?? [what?.identifier?.system?.slice('urn:primum:'.length), what?.identifier?.value];
    return { type: type ?? '', id: id ?? '' };
  });
}
