import { PrimumError, type Clock } from '@primum/base';
import { decodeMessage, parseMessage } from '@primum/formats';
import type { Db } from '@primum/store';
import type { Audit, Keys, Principal } from '@primum/trust';
import { messageAad } from '../accept/acceptor.ts';
import { createBreather } from '../apply/breathe.ts';
import { convertInSteps } from '../v2-to-fhir/convert-message.ts';
import { createCoverage, type FieldCoverage } from '../v2-to-fhir/field-coverage.ts';
import type { MappingTables } from '../v2-to-fhir/rule.ts';

export type SourceCoverage = { source: string; messages: number; unread: number; from: Date | null; to: Date | null; fields: FieldCoverage[] };

export const mostCovered = 10_000;
const page = 500;
const longestMs = 20_000;

/**
 * Which fields of a real feed are lost: counts over the newest messages that are kept of a source, read by the mapping
 * tables of today; of segments and fields, never of values. What is archived, erased or cannot be read is left out and
 * counted. Ends after 20 s with what it has. On the audit log. Errors: hl7.source-unknown.
 */
export async function coverageOfSource(
  { db, keys, audit, clock, tables }: { db: Db; keys: Keys; audit: Audit; clock: Clock; tables: MappingTables }, principal: Principal, tenant: number, asked: { source: string; messages?: number },
): Promise<SourceCoverage> {
  const [application = '', facility = ''] = asked.source.split('|');
  const [source] = await db.query<{ id: number }>('select id from source where tenant = $1 and application = $2 and facility = $3', [tenant, application, facility]);
  if (source === undefined) throw new PrimumError('hl7.source-unknown');
  await audit.write(db, [{ tenant, principal, purpose: 'HOPERAT', action: 'feed.covered', outcome: 'success', at: clock.now(), entities: [{ type: 'source', id: asked.source }] }]);
  const wanted = Math.min(asked.messages ?? 1_000, mostCovered);
  const coverage = createCoverage();
  const found: SourceCoverage = { source: asked.source, messages: 0, unread: 0, from: null, to: null, fields: [] };
  const breathe = createBreather();
  const until = performance.now() + longestMs;
  let before: string | null = null;
  while (found.messages + found.unread < wanted && performance.now() < until) {
    // The newest of all, of which the source's are taken: ids begin with the time, and an index by source would cost each message.
    const [looked]: { last: string | null }[] = await db.query(`
      select (array_agg(id::text order by id))[1] as last from (select id from message where tenant = $1 and ($2::uuid is null or id < $2) order by id desc limit ${page}) m`, [tenant, before]);
    if (looked === undefined || looked.last === null) break;
    const rows: { id: string; received_at: Date; sealed: Buffer | null }[] = await db.query(`
      select id, received_at, sealed from message where tenant = $1 and ($2::uuid is null or id < $2) and id >= $3 and source_id = $4 order by id desc limit $5`,
    [tenant, before, looked.last, source.id, wanted - found.messages - found.unread]);
    before = looked.last;
    for (const { id, received_at: receivedAt, sealed } of rows) {
      const trace = sealed === null ? undefined : await traceOf(sealed, id);
      if (trace === undefined) {
        found.unread += 1;
        continue;
      }
      coverage.add(trace);
      found.messages += 1;
      found.to ??= receivedAt;
      found.from = receivedAt;
    }
  }
  return { ...found, fields: coverage.fields() };

  async function traceOf(sealed: Buffer, id: string): Promise<Parameters<typeof coverage.add>[0] | undefined> {
    const raw = await keys.open(tenant, sealed, messageAad(tenant, id)).catch(() => undefined); // erased meanwhile
    const decoded = raw === undefined ? undefined : decodeMessage(raw);
    const parsed = decoded?.ok === true ? parseMessage(decoded.text, { charset: decoded.charset }) : undefined;
    if (parsed?.ok !== true) return undefined;
    const steps = convertInSteps(parsed.message, tables);
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) await breathe();
    return step.value.trace;
  }
}
