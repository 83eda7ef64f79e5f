import type { Json } from '../v2-to-fhir/element-path.ts';
import type { KeptResource } from '../keep/kept-reading.ts';
import { groupOf, patientOf, Refusal, stayOf, type MessageContext } from './message-context.ts';
import type { KeptState } from './record-state.ts';
import { openStayOf } from './open-stay.ts';

/** Parts of the id of a visit's Encounter. */
export const encounterKey = (patientId: string, visitToken: string): string[] => ['hl7', 'Encounter', patientId, visitToken];

export type References = (url: string) => Json | undefined;

export function keptOf({ effects, state }: MessageContext, type: string, id: string): KeptState | undefined {
  return effects.kept.get(`${type}/${id}`) ?? state.kept.get(`${type}/${id}`);
}

/**
 * Under which id a resource is kept: the one that it has under this patient, or under one that was merged with them; a
 * new one where it is on record under none.
 */
export function keptId(context: MessageContext, resource: KeptResource, patientId: string | undefined): string {
  const { message } = context;
  const rootId = patientId === undefined ? undefined : patientOf(context, patientId)?.rootId;
  if (!resource.shared && rootId !== undefined) {
    for (const { id: member } of groupOf(context, rootId)) {
      const id = message.keptIds(member).get(resource.url);
      if (id !== undefined && keptOf(context, resource.type, id) !== undefined) return id;
    }
  }
  return message.keptIds(patientId ?? '').get(resource.url) ?? context.newId();
}

/** What the references of a message's resources lead to: its patient, stay, results, and what is kept of it. */
export function referencesFor(context: MessageContext, patientId: string | undefined): References {
  const known = context.references.get(patientId) ?? makeReferences(context, patientId);
  context.references.set(patientId, known);
  return known;
}

function makeReferences(context: MessageContext, patientId: string | undefined): References {
  const { kept } = context.message;
  if (kept === undefined) return () => undefined;
  const byUrl = new Map(kept.resources.map((resource) => [resource.url, resource]));
  const results = new Map([...kept.observations].map(([sequence, { url }]) => [url, sequence]));
  const ids = new Map<string, string>();
  return (url) => {
    if (url === kept.patient?.url) return patientId === undefined ? undefined : { reference: `Patient/${patientId}` };
    if (url === kept.encounter?.url) {
      const id = patientId === undefined ? undefined : encounterOf(context, patientId);
      return id === undefined ? kept.spoken.get(url) : { reference: `Encounter/${id}` };
    }
    const resource = byUrl.get(url);
    if (resource !== undefined) {
      const id = ids.get(url) ?? keptId(context, resource, patientId);
      ids.set(url, id);
      return { reference: `${resource.type}/${id}` };
    }
    const key = context.observed.get(results.get(url) ?? 0)?.key;
    return key === undefined ? kept.spoken.get(url) : { reference: `Observation/${key}` };
  };
}

/** The visit that a message stands in: the stay, the Encounter that is kept of it, or without a number the stay that goes on. */
export function encounterOf(context: MessageContext, patientId: string): string | undefined {
  const { state, effects, message } = context;
  const rootId = patientOf(context, patientId)?.rootId ?? patientId;
  const visitToken = message.subjects[0]?.visitToken;
  if (visitToken !== undefined) {
    const stay = [...effects.stays.values()].find((one) => one.visitToken === visitToken)?.id ?? state.byVisit.get(visitToken);
    if (stay !== undefined) {
      const owner = stayOf(context, stay)?.patientId;
      if (owner !== undefined && patientOf(context, owner)?.rootId !== rootId) throw new Refusal({ code: 'hl7.encounter-unknown', location: 'PV1^1^19', detail: 'the visit number belongs to another patient' });
      return stay;
    }
    const kept = groupOf(context, rootId).map(({ id }) => context.keyOf(...encounterKey(id, visitToken))).find((id) => keptOf(context, 'Encounter', id) !== undefined);
    if (kept !== undefined) return kept;
    if (keepsVisit(context)) return context.keyOf(...encounterKey(patientId, visitToken));
  }
  return openStayOf(context, rootId)?.id;
}

/** Whether a visit that is no stay becomes an Encounter of its own: not by results, which may know its number only. */
export function keepsVisit({ message }: MessageContext): boolean {
  const { type } = message.reading;
  return message.kept?.encounter !== undefined && (type.does === 'plan' || (type.does === 'none' && type.results !== 'facts'));
}
