import type { AcknowledgeRequest, SnoozeRequest } from '@primum/contract';
import { patientGroups } from '@primum/record';
import {
  acknowledgeAlert, loadNotices, loadPrediction, loadStayPage, loadWorklist, patientOfPrediction, patientOfStay, readNotice, replayPrediction, snoozeAlert,
  type AlertDeps, type ReplayDeps, type ViewDeps,
} from '@primum/serving';
import { withPhiReader, type Authority, type PhiReader, type PhiScope } from '@primum/trust';
import type { Core } from '../../core.ts';
import { tenant } from '../../core.ts';
import { callerOf, optionalText, textOf } from '../caller.ts';
import type { Call, Handler } from '../serve-api.ts';

export type WardDeps = { core: Core; views: ViewDeps; alerts: AlertDeps; replays: ReplayDeps };

/** What clinicians do: look at the list and at a patient, act on alerts, ask how a score was made and make it again. */
export function wardOperations({ core, views, alerts, replays }: WardDeps): Record<
  'worklist' | 'stay' | 'prediction' | 'replay' | 'acknowledge' | 'snooze' | 'notices' | 'readNotice', Handler
> {
  const reading = <T>(call: Call, action: string, scope: PhiScope, work: (reader: PhiReader) => Promise<T>, authority: Authority = 'patient.read'): Promise<T> =>
    withPhiReader(core, { tenant, principal: callerOf(call), purpose: call.purpose, action, scope, authority }, work);
  return {
    worklist: (call) => {
      const siteCode = optionalText(call.query, 'site');
      return reading(call, 'worklist.read', { worklist: siteCode ?? 'all' }, (reader) => loadWorklist(views, reader, { siteCode }));
    },
    stay: async (call) => {
      const stayId = textOf(call.params, 'stayId');
      const hours = call.query['hours'];
      // A score may be sealed under the key of a record that was merged into this one.
      const patientIds = (await patientGroups(core.db, tenant, [await patientOfStay(views, stayId)])).map(({ patientId }) => patientId);
      return reading(call, 'patient.read', { patientIds }, (reader) => loadStayPage(views, reader, { stayId, hours: typeof hours === 'number' ? hours : undefined }));
    },
    prediction: async (call) => {
      const id = textOf(call.params, 'id');
      const patientId = await patientOfPrediction(views, id);
      return reading(call, 'prediction.read', { patientIds: [patientId] }, (reader) => loadPrediction(views, reader, id), 'prediction.read');
    },
    replay: (call) => replayPrediction(replays, callerOf(call), textOf(call.params, 'id')),
    acknowledge: (call) => acknowledgeAlert(alerts, callerOf(call), textOf(call.params, 'id'), call.body as AcknowledgeRequest), // validated by the route's schema
    snooze: (call) => snoozeAlert(alerts, callerOf(call), textOf(call.params, 'id'), call.body as SnoozeRequest), // validated by the route's schema
    notices: (call) => reading(call, 'notice.read', { worklist: 'notices' }, (reader) => loadNotices(views, reader)),
    readNotice: async (call) => {
      await readNotice({ ...views, audit: core.audit }, callerOf(call), textOf(call.params, 'id'));
      return null;
    },
  };
}
