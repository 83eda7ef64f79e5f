import type { AddAgreement, BreachStepRequest, evidenceRoutes, OpenBreach } from '@primum/contract';
import { addAgreement, coverFlows, endAgreement, listAgreements, listBreaches, openBreach, readBreach, stepBreach } from '@primum/trust';
import { tenant } from '../../core.ts';
import { breachPeople } from '../../evidence/breach-people.ts';
import { dataFlows } from '../../evidence/data-flows.ts';
import { readEvidenceRun } from '../../evidence/evidence-run.ts';
import { residencyOf, storesNow } from '../../evidence/residency.ts';
import { callerOf, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import { noteRead } from '../note-read.ts';
import type { Handler } from '../serve-api.ts';

export function evidenceOperations({ core }: HandlerDeps): Record<keyof typeof evidenceRoutes, Handler> {
  return {
    evidence: async () => ({ newest: readEvidenceRun(core.home) }),
    agreements: async () => {
      const agreements = await listAgreements(core, tenant);
      return { agreements, flows: coverFlows(await dataFlows(core, tenant, process.env), agreements, core.clock.now()) };
    },
    addAgreement: (call) => addAgreement(core, tenant, callerOf(call), call.body as AddAgreement), // validated by the route's schema
    endAgreement: async (call) => {
      await endAgreement(core, tenant, callerOf(call), textOf(call.params, 'id'));
      return null;
    },
    residency: async () => residencyOf(core.home, storesNow(core.home)),
    breaches: async (call) => noteRead(core, call, { action: 'breach.list', purpose: 'HCOMPL' }, await listBreaches(core, tenant)),
    openBreach: (call) => openBreach(core, tenant, callerOf(call), call.body as OpenBreach), // validated by the route's schema
    breach: (call) => readBreach(core, tenant, callerOf(call), textOf(call.params, 'id')),
    breachPeople: (call) => breachPeople(core, callerOf(call), textOf(call.params, 'id')),
    breachStep: (call) => stepBreach(core, tenant, callerOf(call), textOf(call.params, 'id'), call.body as BreachStepRequest), // validated by the route's schema
  };
}
