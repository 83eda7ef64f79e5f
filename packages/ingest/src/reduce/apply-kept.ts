import type { Encounter, Resource } from '@medplum/fhirtypes';
import { canonicalJson } from '@primum/base';
import { layResource } from '../fhir/lay-kept.ts';
import type { KeptPart, KeptResource } from '../keep/kept-reading.ts';
import { rewriteReferences } from '../keep/rewrite-references.ts';
import type { Json } from '../v2-to-fhir/element-path.ts';
import { encounterKey, encounterOf, keepsVisit, keptId, keptOf, referencesFor } from './keeping.ts';
import type { MessageContext } from './message-context.ts';
import type { KeptState, PatientState } from './record-state.ts';

const absent = { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }] };

/**
 * What the mapping tables made of a message beside patient, stay and results: each resource a new version of what stands
 * under its identity, or the first; nothing where it says what stands there already. References lead to the record's own
 * Patient, Encounter and Observations.
 */
export function applyKept(context: MessageContext, patient: PatientState | undefined): void {
  const { kept } = context.message;
  if (kept === undefined) return;
  if (patient !== undefined && kept.encounter !== undefined) keepVisit(context, patient, kept.encounter);
  const observed = Map.groupBy(context.observed.values(), ({ obr }) => obr);
  for (const resource of kept.resources) {
    const id = keptId(context, resource, patient?.id);
    const before = keptOf(context, resource.type, id);
    const patientId = resource.shared ? null : before?.patientId ?? patient?.id ?? null;
    const body = rewriteReferences(resource.body, referencesFor(context, patientId ?? patient?.id));
    if (resource.type === 'DiagnosticReport' && resource.obr !== undefined) {
      const results = observed.get(resource.obr) ?? [];
      if (results.length > 0) body['result'] = results.map(({ key }) => ({ reference: `Observation/${key}` }));
    }
    if (resource.type === 'DocumentReference') followDocument(context, resource, patient, body);
    write(context, resource, { id, patientId, before }, layResource(standing(before), body, resource.deletes, resource.shared));
  }
}

function standing(before: KeptState | undefined): Json | undefined {
  return before === undefined || before.deleted ? undefined : before.body as unknown as Json; // laid over by element names
}

/** A visit that no stay stands behind: planned (A05, A14), or one that only orders, charges or documents speak of. */
function keepVisit(context: MessageContext, patient: PatientState, said: KeptPart): void {
  const visitToken = context.message.subjects[0]?.visitToken;
  if (visitToken === undefined || !keepsVisit(context)) return;
  const id = encounterOf(context, patient.id);
  if (id === undefined || context.state.stays.has(id) || context.effects.stays.has(id)) return;
  const before = keptOf(context, 'Encounter', id);
  const patientId = before?.patientId ?? patient.id;
  const body = layResource(standing(before), rewriteReferences(said.body, referencesFor(context, patientId)), said.deletes);
  if (context.message.reading.type.does === 'plan') body['status'] = 'planned';
  body['status'] ??= 'unknown';
  write(context, { type: 'Encounter', elements: said.elements }, { id, patientId, before }, body);
}

/** A document without content yet says so; what it follows is named, and superseded where it is replaced (T09, T10). */
function followDocument(context: MessageContext, resource: KeptResource, patient: PatientState | undefined, body: Json): void {
  const id = keptId(context, resource, patient?.id);
  const held = standing(keptOf(context, 'DocumentReference', id));
  if (Array.isArray(body['content'])) body['content'] = joinedTexts(body['content'] as Json[]); // the mapping tables' list of objects
  if (body['content'] === undefined && held?.['content'] === undefined) body['content'] = [{ attachment: absent }];
  const parentId = context.message.keptIds(patient?.id ?? '').get(`parent ${resource.url}`);
  const parent = parentId === undefined ? undefined : keptOf(context, 'DocumentReference', parentId);
  const [related] = Array.isArray(body['relatesTo']) ? body['relatesTo'] as Json[] : []; // the mapping tables' list of objects
  if (parentId === undefined || parent === undefined || parent.deleted || related === undefined) return;
  body['relatesTo'] = [{ ...related, target: { reference: `DocumentReference/${parentId}` } }];
  if (related['code'] !== 'replaces' || parentId === id) return;
  write(context, { type: 'DocumentReference', elements: { status: 'TXA[1]-13' } }, { id: parentId, patientId: parent.patientId, before: parent }, { ...parent.body as unknown as Json, status: 'superseded' }); // as above
}

/** Each OBX of a text is a part of it (HL7 2.5.1, section 9.6.2): one attachment of all that follow each other. */
function joinedTexts(content: readonly Json[]): Json[] {
  const joined: { attachment: Json }[] = [];
  for (const item of content) {
    const attachment = item['attachment'] as Json; // every content of a document has one
    const last = joined.at(-1)?.attachment;
    if (last === undefined || attachment['contentType'] !== plainText || last['contentType'] !== plainText) joined.push({ ...item, attachment });
    else joined[joined.length - 1] = { attachment: { ...last, data: Buffer.from(`${textOf(last)}\n${textOf(attachment)}`).toString('base64') } };
  }
  return joined;
}

const plainText = 'text/plain; charset=utf-8';
const textOf = ({ data }: Json): string => Buffer.from(typeof data === 'string' ? data : '', 'base64').toString();

type Place = { id: string; patientId: string | null; before: KeptState | undefined };

function write({ effects, state, trace }: MessageContext, { type, elements }: Pick<KeptResource, 'type' | 'elements'>, { id, patientId, before }: Place, laid: Json): void {
  const body = { ...laid, resourceType: type, id } as unknown as Resource; // built by the mapping tables for this type
  if (before !== undefined && !before.deleted && canonicalJson(before.body) === canonicalJson(body)) return;
  const key = `${type}/${id}`;
  // Seldom twice, of thousands: they are looked through only then.
  const now = effects.kept.has(key) ? effects.resources.find((row) => row.type === type && row.id === id) : undefined;
  const version = now?.version ?? (state.kept.get(key)?.version ?? 0) + 1;
  if (now !== undefined) now.body = body;
  else effects.resources.push({ type, id, version, patientId, body });
  effects.kept.set(key, { patientId, version, deleted: false, body });
  const traced = now === undefined ? undefined : trace.targets.find(({ reference }) => reference === key);
  if (traced !== undefined) traced.elements = { ...traced.elements, ...elements };
  else trace.targets.push({ reference: key, elements });
}

/** Takes back a visit's Encounter that no stay stands behind. False where there is none. */
export function withdrawVisit(context: MessageContext, patient: PatientState, visitToken: string): boolean {
  const id = context.keyOf(...encounterKey(patient.id, visitToken));
  const before = keptOf(context, 'Encounter', id);
  if (before === undefined) return false;
  const body = before.body as Encounter; // kept under the type Encounter
  write(context, { type: 'Encounter', elements: { status: 'MSH[1]-9' } }, { id, patientId: before.patientId, before }, { ...body, status: 'entered-in-error' } as unknown as Json); // as above
  return true;
}
