import { createFindModel, createViewDeps, forgetPatients } from '@primum/serving';
import { tenant } from '../core.ts';
import { modelFolderOf, trustedKeysOf } from '../models.ts';
import { version } from '../version.ts';
import { callerOf } from './caller.ts';
import type { HandlerDeps } from './handler-deps.ts';
import { auditOperations } from './operations/audit.ts';
import { evidenceOperations } from './operations/evidence.ts';
import { feedOperations } from './operations/feeds.ts';
import { fhirOperations } from './operations/fhir.ts';
import { fhirSearchOperations } from './operations/fhir-search.ts';
import { identityOperations } from './operations/identity.ts';
import { keyOperations } from './operations/keys.ts';
import { lineageOperations } from './operations/lineage.ts';
import { policyOperations } from './operations/policy.ts';
import { reviewOperations } from './operations/reviews.ts';
import { rightsOperations } from './operations/rights.ts';
import { sessionOperations } from './operations/session.ts';
import { smartOperations } from './operations/smart.ts';
import { wardOperations } from './operations/ward.ts';
import { terminologyOperations } from './operations/terminology.ts';
import { bulkOperations } from './operations/bulk.ts';
import { subscriptionsOperations } from './operations/subscriptions.ts';
import { hl7Operations } from './operations/hl7.ts';
import { devicesOperations } from './operations/devices.ts';
import { qualityOperations } from './operations/quality.ts';
import { viewsOperations } from './operations/views.ts';
import { openapi } from './openapi.ts';
import type { Handlers } from './serve-api.ts';

/** One handler per operation of the contract. */
export function createHandlers(deps: HandlerDeps): Handlers {
  const { core, model, engine, explainer, sequencer, events } = deps;
  const { db, audit, clock, log, home } = core;
  const findModel = createFindModel({ log, atHand: [model], folders: [modelFolderOf(home)], trustedKeys: trustedKeysOf(home) });
  const views = createViewDeps({ db, tenant, clock, model, findModel });
  core.onErased.push((patientIds) => forgetPatients(views, patientIds));
  const handlers: Handlers = {
    ...sessionOperations(core),
    ...wardOperations({
      core, views,
      alerts: { db, sequencer, audit, policy: core.policy, alertPolicy: model.alertPolicy, clock, tenant },
      replays: { ...core, tenant, engine, explainer, findModel },
    }),
    ...feedOperations({ core, watch: deps.watch, kick: deps.kick }),
    ...fhirOperations(deps),
    ...fhirSearchOperations(deps),
    ...auditOperations(deps),
    ...evidenceOperations(deps),
    ...identityOperations(deps),
    ...keyOperations(deps),
    ...lineageOperations(deps),
    ...policyOperations(deps),
    ...reviewOperations(deps),
    ...rightsOperations(deps),
    ...smartOperations(deps),
    ...terminologyOperations(deps),
    ...bulkOperations(deps),
    ...subscriptionsOperations(deps),
    ...hl7Operations(deps),
    ...devicesOperations(deps),
    ...qualityOperations(deps),
    ...viewsOperations(deps),
    health: async () => ({ status: 'ok', version }),
    openapi: async () => openapi(version),
    events: async (call) => {
      const { reply, token } = call;
      const stays = core.policy.decide({ tenant, principal: callerOf(call), authority: 'patient.read', purpose: 'TREAT' }).allowed;
      reply.hijack();
      events.attach(reply.raw, { now: () => clock.now(), token: token ?? '', stays });
      return undefined;
    },
    model: async () => ({
      name: model.manifest.id, version: model.manifest.version, digest: model.digest, createdAt: model.manifest.createdAt, cardMarkdown: model.card, metrics: model.metrics,
    }),
  };
  return handlers;
}
