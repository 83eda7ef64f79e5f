import type { Patient } from '@medplum/fhirtypes';
import { groupOf, patientOf, Refusal, touch, type MessageContext } from './message-context.ts';
import type { PatientState } from './record-state.ts';
import { createPatient, findPatient, obtainPatient, requirePatient, updatePatient, writePatient } from './subjects.ts';

/**
 * A40, merge patient, and A34 and A36 before it (HL7 2.5.1, section 3.3.40): the patient of MRG-1 is one with the patient
 * of the PID before it from now on. The merge only links: facts, stays and resources keep the patient that they were
 * recorded under, so that it can be undone and that a score made before it can be replayed. A number that nobody has used
 * yet becomes a patient that is linked at once, so that its late messages find the survivor.
 */
export function applyMerges(context: MessageContext): void {
  for (const index of context.message.priors.keys()) applyMerge(context, index);
}

/** A47, change of an identifier: the same person under a new number. Where both numbers have a patient the two are one, as in A40. */
export function applyChangedIdentifiers(context: MessageContext): void {
  const { reading, subjects, priors } = context.message;
  for (const [index, { subject: at, tokens: priorTokens }] of priors.entries()) {
    const tokens = subjects[at]?.tokens ?? [];
    const subject = reading.subjects[at];
    const prior = findPatient(context, priorTokens);
    if (subject === undefined) continue;
    if (prior === undefined || findPatient(context, tokens) !== undefined) applyMerge(context, index);
    else {
      const changed = updatePatient(context, prior, subject.patient, tokens);
      touch(context, changed.id, undefined, { from: reading.eventAt, to: reading.eventAt });
    }
  }
}

function applyMerge(context: MessageContext, index: number): void {
  const { reading, subjects, priors } = context.message;
  const said = reading.priors[index];
  const subject = reading.subjects[said?.subject ?? -1];
  if (said === undefined || subject === undefined) return;
  const tokens = subjects[said.subject]?.tokens ?? [];
  const priorTokens = priors[index]?.tokens ?? [];
  const survivor = updatePatient(context, obtainPatient(context, subject.patient, tokens), subject.patient, tokens);
  const prior = findPatient(context, priorTokens) ?? createPatient(context, said.identifiers, priorTokens, { segment: `MRG[${said.sequence}]`, field: 1 });
  context.effects.kind = 'merge';
  if (prior.rootId === survivor.rootId) {
    touchMoved(context, survivor.rootId, [prior]);
    return;
  }
  const moved = groupOf(context, prior.rootId);
  const into = requireState(context, survivor.rootId);
  for (const member of moved) {
    const isRoot = member.id === prior.rootId;
    const changed = { ...member, rootId: into.id, ...(isRoot ? { intoId: into.id } : {}) };
    context.effects.patients.set(member.id, changed);
    if (isRoot) rewrite(context, changed, (patient) => ({ ...patient, active: false, link: [{ other: { reference: `Patient/${into.id}` }, type: 'replaced-by' }] }), { link: `PID[${subject.patient.sequence}]-3` });
  }
  rewrite(context, into, (patient) => ({ ...patient, link: [...patient.link ?? [], { other: { reference: `Patient/${prior.rootId}` }, type: 'replaces' }] }), { link: `MRG[${said.sequence}]-1` });
  if (context.effects.links.some(({ fromId }) => fromId === prior.rootId)) throw new Refusal({ code: 'hl7.merge-conflict', location: `MRG^${said.sequence}^1`, detail: 'merged twice in one message' });
  context.effects.links.push({ fromId: prior.rootId, intoId: into.id });
  touchMoved(context, into.id, moved);
}

/**
 * A37, unlink (section 3.3.37): the undoing of a merge. The patients of the two PIDs are parted again: the second from
 * whom it was merged into, or the first where the second was the survivor. HL7 has no event that undoes an A40 by name;
 * senders use A37.
 */
export function applyUnlink(context: MessageContext): void {
  const [first, second] = context.message.subjects.map(({ tokens }) => requirePatient(context, tokens));
  if (first === undefined || second === undefined) return;
  if (first.id === second.id || first.rootId !== second.rootId) throw new Refusal({ code: 'hl7.merge-conflict', location: 'PID^2^3', detail: 'the patients are not linked' });
  const parted = second.intoId !== null ? second : first;
  const into = parted.intoId;
  if (into === null) throw new Refusal({ code: 'hl7.merge-conflict', location: 'PID^2^3', detail: 'the patients are not linked' });
  context.effects.kind = 'merge';
  const oldRoot = parted.rootId;
  const group = groupOf(context, oldRoot);
  const below = group.filter((member) => leadsTo(member, parted.id, group));
  for (const member of below) context.effects.patients.set(member.id, { ...member, rootId: parted.id, ...(member.id === parted.id ? { intoId: null } : {}) });
  const withoutLink = (other: string) => (patient: Patient): Patient => {
    const link = (patient.link ?? []).filter((item) => item.other.reference !== `Patient/${other}`);
    const { link: _old, ...rest } = patient;
    return { ...rest, active: true, ...(link.length === 0 ? {} : { link }) };
  };
  rewrite(context, requireState(context, parted.id), withoutLink(into), { link: 'PID[2]-3' });
  rewrite(context, requireState(context, into), withoutLink(parted.id), { link: 'PID[2]-3' });
  context.effects.links.push({ fromId: parted.id, intoId: null });
  touchMoved(context, oldRoot, below);
  touchMoved(context, parted.id, below);
}

function leadsTo(member: PatientState, target: string, group: readonly PatientState[]): boolean {
  for (let at: PatientState | undefined = member, steps = 0; at !== undefined && steps <= group.length; steps += 1) {
    if (at.id === target) return true;
    const next: string | null = at.intoId;
    at = group.find(({ id }) => id === next);
  }
  return false;
}

function rewrite(context: MessageContext, patient: PatientState, change: (resource: Patient) => Patient, elements: Readonly<Record<string, string>>): void {
  const resource = patient.resource ?? { resourceType: 'Patient', id: patient.id };
  const writtenNow = context.effects.resources.some(({ type, id, version }) => type === 'Patient' && id === patient.id && version === patient.version);
  writePatient(context, { ...patient, version: writtenNow ? patient.version : patient.version + 1, resource: change(resource) }, elements);
}

function requireState(context: MessageContext, id: string): PatientState {
  const patient = patientOf(context, id);
  if (patient === undefined) throw new Refusal({ code: 'hl7.patient-unknown', location: 'PID^1^3' });
  return patient;
}

/** Everything that the moved patients' facts say changes its owner: from their first effective time to their last. */
function touchMoved(context: MessageContext, rootId: string, moved: readonly PatientState[]): void {
  const { eventAt } = context.message.reading;
  const bounds = moved.flatMap(({ id }) => context.state.factBounds.get(id) ?? []);
  touch(context, rootId, undefined, {
    from: Math.min(eventAt, ...bounds.map(({ from }) => from)),
    to: Math.max(eventAt, ...bounds.map(({ to }) => to)),
  });
}
