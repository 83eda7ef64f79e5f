import type { QualityPage, qualityRoutes } from '@primum/contract';
import { readQuality } from '@primum/ingest';
import { tenant } from '../../core.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

const overFhir = 'FHIR';

/** Data quality: counts, rules and ids; no value, and nobody. */
export function qualityOperations({ core, qualityRules }: HandlerDeps): Record<keyof typeof qualityRoutes, Handler> {
  const ruleOf = new Map(qualityRules.map((rule) => [rule.id, rule]));
  return {
    quality: async (): Promise<QualityPage> => {
      const { sources, counts, findings } = await readQuality(core.db, tenant, qualityRules, core.clock.now());
      const byRule = Map.groupBy(counts, ({ rule }) => rule);
      return {
        sources: sources.map(({ name, site, messages, today, days, lastReceivedAt, silentSince, alarmAt }) => ({
          source: name, site, messages, scores: today, days: [...days],
          lastReceivedAt: lastReceivedAt?.toISOString() ?? null, silentSince: silentSince?.toISOString() ?? null, alarmAt: alarmAt?.toISOString() ?? null,
        })),
        rules: qualityRules.map(({ id, severity, action, text, fix }) => {
          const own = byRule.get(id) ?? [];
          return { id, severity, action, text, fix, found: own.reduce((sum, { found }) => sum + found, 0), sources: own.map(({ source }) => source ?? overFhir) };
        }).sort((a, b) => b.found - a.found),
        findings: findings.map((row) => {
          const rule = ruleOf.get(row.rule);
          return {
            id: row.id, rule: row.rule, severity: rule?.severity ?? 'notice', text: rule?.text ?? 'A rule that is no more', fix: rule?.fix ?? '',
            source: row.source ?? overFhir, code: row.code, messageId: row.message_id, foundAt: row.found_at.toISOString(), resolvedAt: row.resolved_at?.toISOString() ?? null,
          };
        }),
      };
    },
  };
}
