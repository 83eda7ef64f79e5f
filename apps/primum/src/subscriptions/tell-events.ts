import type { Resource } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { loadPurposeViews, mayHear, readResource, viewFor, type SubscriptionEventRow, type SubscriptionRow, type Disguise, type ToldEvent } from '@primum/record';
import { withPhiReader, type PhiReader, type PhiScope, type Principal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';

const views = loadPurposeViews();
/** Purposes that see pseudonyms or moved dates have no subscriptions. */
const undisguised = ({ clock }: Core): Disguise => ({ now: clock.now(), shiftDays: 0, pseudonym: (_type, id) => id });

/**
 * Events as the owner may be told of them at this moment: decided once more, opened under the owner's name and on the
 * audit log before anything leaves. Those that may not be told any more (an objection, an erasure, a unit that was left)
 * are `withheld`; their numbers stay empty.
 */
export async function tellEvents(core: Core, row: SubscriptionRow, principal: Principal, events: readonly SubscriptionEventRow[], content = row.content): Promise<{ told: ToldEvent[]; patientIds: string[]; withheld: number }> {
  const { db, policy } = core;
  const view = views[row.purpose];
  const named = [...new Set(events.flatMap(({ patient_id }) => patient_id ?? []))];
  const facts = new Map((named.length === 0 ? [] : await policy.factsOf(db, tenant, named)).map((one) => [one.patientId, one]));
  const heard = events.filter((event) => mayHear(policy, tenant, principal, row.purpose, { type: event.type, patientId: event.patient_id }, facts));
  const patientIds = [...new Set(heard.flatMap(({ patient_id }) => patient_id ?? []))];
  const plain = (event: SubscriptionEventRow): ToldEvent => ({ number: event.number, at: event.at, type: event.type, id: '', interaction: event.interaction, resource: null });
  if (content === 'empty' || heard.length === 0) return { told: heard.map(plain), patientIds, withheld: events.length - heard.length };

  const opened = async (scope: PhiScope, of: readonly SubscriptionEventRow[]): Promise<ToldEvent[]> => (of.length === 0 ? [] : withPhiReader(core, {
    tenant, principal, purpose: row.purpose, action: 'subscription.read', scope, resourceType: row.resource_type, foreseen: { entities: of.map(({ type, resource_id: id }) => ({ type, id })) },
  }, async (reader) => (await Promise.all(of.map((event) => open(reader, event)))).flat()));
  // The patient's own id stands in the sealed body: a row's may be a token of it.
  const open = async (reader: PhiReader, event: SubscriptionEventRow): Promise<ToldEvent[]> => {
    try {
      const { resource, deleted } = await readResource(db, reader, { type: event.type, id: event.resource_id, version: event.version });
      const shown = deleted || content !== 'full-resource' ? null : view === undefined ? resource : viewFor(view, resource, undisguised(core));
      return [{ ...plain(event), id: resource.id ?? event.resource_id, resource: shown as Resource | null }]; // a view leaves elements out, no more
    } catch (error) {
      if (error instanceof PrimumError && (error.code === 'record.erased' || error.code === 'record.not-found')) return [];
      throw error;
    }
  };
  const told = [...await opened({ patientIds }, heard.filter(({ patient_id }) => patient_id !== null)), ...await opened({ unassigned: true }, heard.filter(({ patient_id }) => patient_id === null))]
    .toSorted((a, b) => a.number - b.number);
  return { told, patientIds, withheld: events.length - told.length };
}
