import type { Account, PatientLine, ReviewDecision, ReviewDetail, ReviewItem as ReviewView, ReviewQueue, reviewRoutes } from '@primum/contract';
import { identityOf, patientGroups } from '@primum/record';
import {
  accountOfDisclosures, countReviews, decideReview, findReview, listReviews, reasonOfEmergency, withPhiReader, type AccountQuery, type PhiReader, type Principal, type ReviewItem,
} from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { accountCsv, accountHtml } from '../../reviews/account-text.ts';
import { numberTokens, tried } from '../../rights/find-subject.ts';
import { callerOf, optionalText, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import { noteRead } from '../note-read.ts';
import type { Handler } from '../serve-api.ts';

/** What the privacy office does: look through its queue, decide, and say who saw a patient. */
export function reviewOperations({ core }: HandlerDeps): Record<keyof typeof reviewRoutes, Handler> {
  const groupOf = async (patientId: string): Promise<string[]> => (await patientGroups(core.db, tenant, [patientId])).map((member) => member.patientId);
  return {
    reviews: async (call): Promise<ReviewQueue> => {
      const which = call.query['which'] === 'decided' ? 'decided' : 'undecided';
      const items = await noteRead(core, call, { action: 'review.list', purpose: 'HCOMPL', patientIds: (rows) => rows.map(({ patientId }) => patientId) }, await listReviews(core, callerOf(call), tenant, which));
      return { items: items.map(viewOf), ...await countReviews(core, tenant) };
    },
    review: async (call): Promise<ReviewDetail> => {
      const id = textOf(call.params, 'id');
      const principal = callerOf(call);
      const { item, events, earlier, note } = await findReview(core, principal, tenant, id, groupOf);
      const { patientId, userId, at: openedAt, kind } = item;
      const reading = { authority: 'review.manage', action: 'review.read', entities: [{ type: 'review', id }] } as const;
      const opened = patientId === null ? undefined : await readLines(core, principal, [patientId], reading, async (reader, lines) => ({
        patient: lines[0] ?? null,
        reason: kind === 'emergency-access' && userId !== null ? await reasonOfEmergency(core, reader, { userId, patientId, openedAt }) : null,
      }));
      return {
        item: viewOf(item), patient: opened?.patient ?? null, earlier: earlier.map(viewOf), note, reason: opened?.reason ?? null,
        events: events.map(({ id: eventId, seq, at, action, outcome, purpose }) => ({ id: eventId, seq, at: at.toISOString(), action, outcome, purpose })),
      };
    },
    decideReview: async (call): Promise<ReviewView> => {
      const decision = call.body as ReviewDecision; // validated by the route's schema
      return viewOf(await decideReview(core, callerOf(call), tenant, textOf(call.params, 'id'), decision));
    },
    findPatient: async (call): Promise<PatientLine[]> => {
      const { mrn } = call.body as { mrn: string }; // validated by the route's schema
      const rows = await core.db.query<{ root_id: string }>(
        `select distinct p.root_id from patient_identifier i join patient p on p.tenant = i.tenant and p.id = i.patient_id
         where i.tenant = $1 and i.token = any($2::bytea[]) order by p.root_id limit 20`, [tenant, await numberTokens(core, mrn)]);
      if (rows.length === 0) await tried(core, callerOf(call), 'HCOMPL');
      return linesOf(core, callerOf(call), rows.map(({ root_id }) => root_id), { authority: 'audit.read', action: 'patient.find', entities: [] });
    },
    disclosures: async (call) => {
      const patientId = textOf(call.params, 'id');
      const principal = callerOf(call);
      const [from, to] = [optionalText(call.query, 'from'), optionalText(call.query, 'to')];
      const query: AccountQuery = {
        tenant, patientId, kind: call.query['kind'] === 'disclosures' ? 'disclosures' : 'accesses',
        ...(from === undefined ? {} : { from: new Date(from) }), ...(to === undefined ? {} : { to: new Date(to) }),
      };
      const account = await accountOfDisclosures({ ...core, groups: patientGroups }, principal, query);
      const [patient] = await linesOf(core, principal, [patientId], { authority: 'audit.read', action: 'disclosure.read', entities: [{ type: 'account', id: query.kind }] });
      const answer: Account = {
        kind: account.kind, truncated: account.truncated, from: account.from.toISOString(), to: account.to.toISOString(),
        patient: patient ?? nameless(patientId),
        entries: account.entries.map((entry) => ({ ...entry, firstAt: entry.firstAt.toISOString(), lastAt: entry.lastAt.toISOString() })),
      };
      const format = optionalText(call.query, 'format') ?? 'json';
      if (format === 'csv') return call.reply.header('content-disposition', `attachment; filename="${account.kind}.csv"`).type('text/csv; charset=utf-8').send(accountCsv(answer));
      if (format === 'html') return call.reply.type('text/html; charset=utf-8').send(accountHtml(answer, core.clock.now().toISOString()));
      return answer;
    },
  };
}

type Use = { authority: 'review.manage' | 'audit.read'; action: string; entities: readonly { type: string; id: string }[] };

/**
 * Name, birth date and number of these patients and nothing else, through a reader whose use is on the log. Who may not
 * manage reviews or answer for disclosures (an auditor) learns that there is such a patient, not who it is.
 */
async function readLines<T>(
  core: Core, principal: Principal, patientIds: readonly string[], use: Use, work: (reader: PhiReader, lines: PatientLine[]) => Promise<T>,
): Promise<T> {
  const named = core.policy.decide({ tenant, principal, authority: 'disclosure.read', purpose: 'HCOMPL' }).allowed;
  return withPhiReader(core, { tenant, principal, purpose: 'HCOMPL', authority: use.authority, action: use.action, scope: { patientIds } }, async (reader) => {
    reader.note({ patientIds, entities: use.entities });
    const identities = named ? await identityOf(core.db, reader, patientIds) : new Map<string, never>();
    return work(reader, patientIds.map((patientId) => {
      const identity = identities.get(patientId)?.identity;
      return identity === undefined ? nameless(patientId) : { patientId, name: identity.name, birthDate: identity.birthDate, mrn: identity.mrn };
    }));
  });
}

async function linesOf(core: Core, principal: Principal, patientIds: readonly string[], use: Use): Promise<PatientLine[]> {
  return patientIds.length === 0 ? [] : readLines(core, principal, patientIds, use, async (_reader, lines) => lines);
}

function nameless(patientId: string): PatientLine {
  return { patientId, name: null, birthDate: null, mrn: null };
}

function viewOf(item: ReviewItem): ReviewView {
  const { id, kind, actor, displayName, role, patientId, overdue, looks, score, detail, status, version, decidedBy } = item;
  return { id, kind, actor, displayName, role, patientId, overdue, looks, score, detail, status, version, decidedBy, at: item.at.toISOString(), until: item.until?.toISOString() ?? null, dueAt: item.dueAt.toISOString(), decidedAt: item.decidedAt?.toISOString() ?? null };
}
