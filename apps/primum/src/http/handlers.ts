import type { InferenceEngine } from '@primum/inference';
import type { ModelPackage } from '@primum/registry';
import { createFindModel, createViewDeps, type Explainer } from '@primum/serving';
import type { Sequencer } from '@primum/store';
import { searchAudit } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import type { Watch } from '../figures.ts';
import { modelFolderOf, trustedKeysOf } from '../models.ts';
import { version } from '../version.ts';
import { callerOf, optionalText } from './caller.ts';
import type { EventStream } from './event-stream.ts';
import { feedOperations } from './operations/feeds.ts';
import { readFhir } from './operations/fhir.ts';
import { sessionOperations } from './operations/session.ts';
import { wardOperations } from './operations/ward.ts';
import { openapi } from './openapi.ts';
import type { Handlers } from './serve-api.ts';

export type HandlerDeps = {
  core: Core; model: ModelPackage; engine: InferenceEngine; explainer: Explainer; sequencer: Sequencer;
  events: EventStream; watch: Watch;
  /** Wakes the applier. */
  kick(): void;
};

/** One handler per operation of the contract. */
export function createHandlers(deps: HandlerDeps): Handlers {
  const { core, model, engine, explainer, sequencer, events } = deps;
  const { db, audit, clock, log, home } = core;
  const findModel = createFindModel({ log, atHand: [model], folders: [modelFolderOf(home)], trustedKeys: trustedKeysOf(home) });
  const views = createViewDeps({ db, tenant, clock, model, findModel });
  const handlers: Handlers = {
    ...sessionOperations(core.identity),
    ...wardOperations({
      core, views,
      alerts: { db, sequencer, audit, alertPolicy: model.alertPolicy, clock, tenant },
      replays: { ...core, tenant, engine, explainer, findModel },
    }),
    ...feedOperations({ core, watch: deps.watch, kick: deps.kick }),
    ...readFhir(core),
    health: async () => ({ status: 'ok', version }),
    openapi: async () => openapi(version),
    events: async ({ reply, token }) => {
      reply.hijack();
      events.attach(reply.raw, { now: () => clock.now(), ended: async () => token === null || (await core.identity.session(tenant, token)) === null });
      return undefined;
    },
    audit: async (call) => {
      const limit = call.query['limit'];
      const query: Parameters<typeof searchAudit>[2] = { tenant };
      for (const name of ['patientId', 'actor', 'action', 'cursor'] as const) {
        const value = optionalText(call.query, name);
        if (value !== undefined && value !== '') query[name] = value;
      }
      if (typeof limit === 'number') query.limit = limit;
      const page = await searchAudit({ db, keys: core.keys, audit, clock }, callerOf(call), query);
      return { ...page, rows: page.rows.map((row) => ({ ...row, at: row.at.toISOString() })) };
    },
    model: async () => ({
      name: model.manifest.id, version: model.manifest.version, digest: model.digest, createdAt: model.manifest.createdAt, cardMarkdown: model.card, metrics: model.metrics,
    }),
  };
  return handlers;
}
