import { PrimumError } from '@primum/base';
import { patientKindNames, purposes, type EmergencyAccess as EmergencyView, type EmergencyRequest, type LocatedPatient, type policyRoutes, type PolicyPage } from '@primum/contract';
import {
  askers, authorities, emergencyOpens, endEmergencyAccess, openEmergencies, openEmergencyAccess, patientKinds, requirePermission, type EmergencyAccess, type PolicyRequest,
} from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { numberTokens } from '../../rights/find-subject.ts';
import { callerOf, optionalText, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** Who may do what, as the policies decide now; emergency access. */
export function policyOperations({ core }: HandlerDeps): Record<keyof typeof policyRoutes, Handler> {
  return {
    policy: async (call): Promise<PolicyPage> => pageOf(core, optionalText(call.query, 'purpose') ?? 'TREAT', optionalText(call.query, 'patient') ?? 'none'),
    locatePatient: async (call) => {
      const { mrn } = call.body as { mrn: string }; // validated by the route's schema
      return locate(core, { tenant, principal: callerOf(call), authority: 'patient.read', purpose: 'TREAT' }, mrn);
    },
    emergencies: async (call) => Promise.all((await openEmergencies(core, callerOf(call), tenant)).map((access) => viewOf(core, access))),
    openEmergency: async (call) => {
      const { patientId, stayId, reason } = call.body as EmergencyRequest; // validated by the route's schema
      if ((patientId === undefined) === (stayId === undefined)) throw new PrimumError('api.request-invalid', 'patientId or stayId, one of them');
      return viewOf(core, await openEmergencyAccess(core, callerOf(call), { tenant, patientId: patientId ?? await patientOf(core, stayId!), reason })); // one of them is there
    },
    endEmergency: async (call) => {
      await endEmergencyAccess(core, callerOf(call), tenant, textOf(call.params, 'id'));
      return null;
    },
  };
}

function pageOf({ policy }: Core, purposeWord: string, patientWord: string): PolicyPage {
  // The route's schema lets only these pass.
  const purpose = purposes.find((one) => one === purposeWord) ?? 'TREAT';
  const patient = patientKindNames.find((one) => one === patientWord) ?? 'none';
  const subject = patientKinds[patient];
  const rows = authorities.map((authority) => ({
    authority,
    decisions: Object.values(askers).map((principal) => {
      const { allowed, by } = policy.decide({ tenant, principal, authority, purpose, ...(subject === undefined ? {} : { subject }) });
      return { allowed, by: [...by] };
    }),
  }));
  return { epoch: policy.epoch, purpose, patient, principals: Object.keys(askers), rows, policies: policy.policies.map((one) => ({ ...one })) };
}

/** That somebody is here, and whether they may be read: the look-up itself is on the log, and opens nothing. */
async function locate(core: Core, reading: PolicyRequest, mrn: string): Promise<LocatedPatient[]> {
  const { db, audit, policy, clock } = core;
  const rows = await db.query<{ root_id: string }>(
    `select distinct p.root_id from patient_identifier i join patient p on p.tenant = i.tenant and p.id = i.patient_id
     where i.tenant = $1 and i.token = any($2::bytea[]) order by p.root_id limit 20`, [tenant, await numberTokens(core, mrn)]);
  const patientIds = rows.map(({ root_id }) => root_id);
  const { principal } = reading;
  const logged = { tenant, principal, purpose: 'TREAT', action: 'patient.find' } as const;
  await requirePermission(core, { ...logged, authority: 'patient.find', patientIds });
  const facts = await policy.factsOf(db, tenant, patientIds);
  await audit.write(db, [{ ...logged, outcome: 'success', at: clock.now(), patientIds }]);
  return Promise.all(facts.map(async (subject): Promise<LocatedPatient> => ({
    patientId: subject.patientId, stayId: await latestStay(core, subject.patientId),
    access: policy.decide({ ...reading, subject }).allowed ? 'open' : emergencyOpens(policy, reading, subject) ? 'emergency' : 'none',
  })));
}

async function viewOf(core: Core, { id, patientId, openedAt, until }: EmergencyAccess): Promise<EmergencyView> {
  return { id, patientId, stayId: await latestStay(core, patientId), openedAt: openedAt.toISOString(), until: until.toISOString() };
}

async function latestStay({ db }: Core, patientId: string): Promise<string | null> {
  const [row] = await db.query<{ id: string }>(
    `select s.id from patient p join patient g on g.tenant = p.tenant and g.root_id = p.root_id join stay s on s.tenant = g.tenant and s.patient_id = g.id
     where p.tenant = $1 and p.id = $2 order by s.status = 'in-progress' desc, s.admitted_at desc nulls last limit 1`, [tenant, patientId]);
  return row?.id ?? null;
}

async function patientOf({ db }: Core, stayId: string): Promise<string> {
  const [row] = await db.query<{ root_id: string }>('select p.root_id from stay s join patient p on p.tenant = s.tenant and p.id = s.patient_id where s.tenant = $1 and s.id = $2', [tenant, stayId]);
  if (row === undefined) throw new PrimumError('record.not-found', 'stay');
  return row.root_id;
}
