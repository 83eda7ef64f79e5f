import { PrimumError } from '@primum/base';
import type { CaseRequest, CaseStep, ErasureRequest, HoldRequest, ModelDecisionRequest, ObjectionRequest, rightsRoutes } from '@primum/contract';
import { patientGroup, listObjections, openCase, recordObjection, stepCase, withdrawObjection } from '@primum/record';
import { listHolds, placeHold, releaseHold, requirePermission } from '@primum/trust';
import { tenant } from '../../core.ts';
import { sendAccessBundle } from '../../rights/access-bundle.ts';
import { readErasure } from '../../rights/erasure-rows.ts';
import { decideErasure, listErasures, requestErasure } from '../../rights/erasures.ts';
import { findSubjects } from '../../rights/find-subject.ts';
import { decideModel, listModelDecisions, packagesOf } from '../../rights/model-decisions.ts';
import { retentionView } from '../../rights/retention.ts';
import { caseView, holdView, objectionView, subjectPage } from '../../rights/subject-page.ts';
import { callerOf, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import { noteRead } from '../note-read.ts';
import type { Handler } from '../serve-api.ts';

/** Bodies are validated by their routes' schemas before a handler runs. */
export function rightsOperations({ core, model, sequencer }: HandlerDeps): Record<keyof typeof rightsRoutes, Handler> {
  const patientIds = (rows: readonly { patientId: string | null }[]): (string | null)[] => rows.map((row) => row.patientId);
  const packages = () => packagesOf(core.home, model);
  /** What a person allows has changed: scoring hears of it now. */
  const announced = <T>(result: T): T => {
    sequencer.kick();
    return result;
  };
  return {
    findSubject: (call) => findSubjects(core, callerOf(call), (call.body as { mrn: string }).mrn),
    subject: (call) => subjectPage(core, callerOf(call), textOf(call.params, 'patientId')),
    accessBundle: async (call) => {
      const patientId = textOf(call.params, 'patientId');
      await patientGroup(core.db, tenant, patientId);
      call.reply.hijack();
      try {
        await sendAccessBundle(core, callerOf(call), patientId, call.query['format'] === 'ndjson' ? 'ndjson' : 'json', call.reply.raw);
      } catch (error) {
        // Cut off, so that half a copy is not taken for the whole.
        call.reply.raw.destroy();
        throw error;
      }
      return undefined;
    },
    objections: async (call) => {
      const { memberIds } = await patientGroup(core.db, tenant, textOf(call.query, 'patientId'));
      await requirePermission(core, { tenant, principal: callerOf(call), authority: 'consent.read', purpose: 'PATRQT', action: 'consent.read', patientIds: memberIds });
      const objections = await listObjections(core.db, tenant, memberIds);
      await core.audit.write(core.db, [{ tenant, principal: callerOf(call), purpose: 'PATRQT', action: 'consent.read', outcome: 'success', at: core.clock.now(), patientIds: memberIds }]);
      return objections.map((objection) => objectionView(objection, core.clock.now()));
    },
    recordObjection: async (call) => announced(objectionView(await recordObjection(core, tenant, callerOf(call), call.body as ObjectionRequest), core.clock.now())),
    withdrawObjection: async (call) => announced(objectionView(await withdrawObjection(core, tenant, callerOf(call), textOf(call.params, 'id')), core.clock.now())),
    openCase: async (call) => announced(caseView(await openCase(core, tenant, callerOf(call), call.body as CaseRequest))),
    stepCase: async (call) => announced(caseView(await stepCase(core, tenant, callerOf(call), textOf(call.params, 'id'), call.body as CaseStep))),
    holds: async (call) => noteRead(core, call, { action: 'legal-hold.read', purpose: 'HCOMPL', patientIds }, (await listHolds(core, tenant)).map(holdView)),
    placeHold: async (call) => {
      const { patientId, dataClass, reason } = call.body as HoldRequest;
      if ((patientId === undefined) === (dataClass === undefined)) throw new PrimumError('api.request-invalid', 'patientId or dataClass, one of them');
      const thing = patientId === undefined ? { dataClass: dataClass! } : { patientId: (await patientGroup(core.db, tenant, patientId)).rootId }; // one is given
      return holdView(await placeHold(core, tenant, callerOf(call), thing, reason));
    },
    releaseHold: async (call) => holdView(await releaseHold(core, tenant, callerOf(call), textOf(call.params, 'id'))),
    retention: async (call) => noteRead(core, call, { action: 'retention.read', purpose: 'HCOMPL' }, await retentionView(core)),
    erasures: async (call) => noteRead(core, call, { action: 'erasure.read', purpose: 'PATRQT', patientIds }, await listErasures(core)),
    requestErasure: (call) => requestErasure(core, callerOf(call), call.body as ErasureRequest),
    decideErasure: async (call) => announced(await decideErasure(core, packages, callerOf(call), textOf(call.params, 'id'), (call.body as { decision: 'approve' | 'decline' }).decision)),
    erasureReceipt: async (call) => {
      const row = await readErasure(core.db, textOf(call.params, 'id'));
      if (row === undefined || row.status !== 'verified' || row.receipt === null) throw new PrimumError('rights.not-found');
      return noteRead(core, call, { action: 'erasure.receipt', purpose: 'PATRQT', patientIds: () => [row.patient_id] }, row.receipt);
    },
    modelDecisions: () => listModelDecisions(core.db),
    decideModel: (call) => decideModel(core, callerOf(call), textOf(call.params, 'id'), call.body as ModelDecisionRequest),
  };
}
