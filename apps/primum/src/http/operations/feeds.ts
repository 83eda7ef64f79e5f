import { errorCatalogue, type FeedsPage, type QuarantineRow, type UnmappedCode } from '@primum/contract';
import { listQuarantine, replayQuarantined, showQuarantined, type QuarantinedMessage } from '@primum/ingest';
import { tenant, type Core } from '../../core.ts';
import type { Watch } from '../../figures.ts';
import { callerOf, textOf } from '../caller.ts';
import type { Handler } from '../serve-api.ts';

type FeedRow = { application: string; facility: string; site: string; mapping: string; received: number; last_message_at: Date | null; waiting: number; quarantined: number; validation: 'accept' | 'quarantine' | 'reject' };
type IssueRow = { application: string; facility: string; expression: string; code: string; severity: 'error' | 'warning'; detail: string; times: number; last_at: Date };
type UnmappedRow = { application: string; facility: string; code: string; unit: string; why: UnmappedCode['why']; times: number; last_at: Date };

const selectFeeds = `
select s.application, s.facility, t.code as site, s.mapping, s.received, s.last_message_at, s.validation,
  coalesce(m.waiting, 0) as waiting, coalesce(m.quarantined, 0) as quarantined
from source s
join site t on t.tenant = s.tenant and t.id = s.site_id
left join (
  select source_id, count(*) filter (where status = 'received') as waiting, count(*) filter (where status = 'quarantined') as quarantined
  from message where tenant = $1 and status in ('received', 'quarantined') group by source_id
) m on m.source_id = s.id
where s.tenant = $1 order by s.application, s.facility`;

const selectUnmapped = `
select s.application, s.facility, u.code, u.unit, u.why, u.times, u.last_at
from unmapped_code u join source s on s.tenant = u.tenant and s.id = u.source_id
where u.tenant = $1 order by u.times desc limit 200`;

const selectIssues = `
select s.application, s.facility, v.expression, v.code, v.severity, v.detail, v.times, v.last_at
from validation_issue v join source s on s.tenant = v.tenant and s.id = v.source_id
where v.tenant = $1 order by v.times desc, v.expression limit 200`;

function quarantineRow({ id, source, controlId, type, receivedAt, code, detail }: QuarantinedMessage): QuarantineRow {
  return { id, source, controlId, type, receivedAt: receivedAt.toISOString(), code, detail, action: errorCatalogue[code].action };
}

/** What the integration engineer watches: senders, codes without a mapping, messages in quarantine. */
export function feedOperations({ core, watch, kick }: { core: Core; watch: Watch; kick(): void }): Record<'feeds' | 'quarantined' | 'replayMessage', Handler> {
  const { db } = core;
  return {
    feeds: async (): Promise<FeedsPage> => {
      const [figures, feeds, unmapped, issues, quarantine] = await Promise.all([
        watch.figures(), db.query<FeedRow>(selectFeeds, [tenant]), db.query<UnmappedRow>(selectUnmapped, [tenant]), db.query<IssueRow>(selectIssues, [tenant]), listQuarantine(core, tenant),
      ]);
      return {
        figures,
        feeds: feeds.map((row) => ({
          source: `${row.application}|${row.facility}`, site: row.site, mapping: row.mapping, received: row.received,
          lastMessageAt: row.last_message_at?.toISOString() ?? null, waiting: row.waiting, quarantined: row.quarantined, validation: row.validation,
        })),
        unmapped: unmapped.map((row) => ({ source: `${row.application}|${row.facility}`, code: row.code, unit: row.unit, why: row.why, times: row.times, lastAt: row.last_at.toISOString() })),
        issues: issues.map(({ application, facility, last_at: lastAt, ...row }) => ({ source: `${application}|${facility}`, ...row, lastAt: lastAt.toISOString() })),
        quarantine: quarantine.map(quarantineRow),
      };
    },
    quarantined: async (call) => {
      const message = await showQuarantined(core, callerOf(call), tenant, textOf(call.params, 'id'));
      return { ...quarantineRow(message), text: message.text.replaceAll('\r', '\n') };
    },
    replayMessage: async (call) => {
      await replayQuarantined(core, callerOf(call), tenant, textOf(call.params, 'id'));
      kick();
      return null;
    },
  };
}
