import type { EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import type { Principal } from '../access/principal.ts';
import type { PatientFacts } from './policy.ts';

/** Stands for the asking person's id, so that a decision does not depend on who exactly asks. */
export const self = '(the asking person)';
const separator = '\u0000';

/** A principal as Cedar sees it, and everything that a decision can depend on in it as one text. */
export type AskingEntity = { uid: TypeAndId; entities: EntityJson[]; key: string };

export function entityOf(principal: Principal): AskingEntity {
  if (principal.kind === 'client') return alone('Client', principal.clientId);
  if (principal.kind === 'system') return alone('System', principal.name.startsWith('cli:') ? 'cli' : principal.name);
  const { role, groups = [], careUnits = [], mfa = false } = principal;
  const uid = { type: 'User', id: self };
  const parents = [{ type: 'Role', id: role }, ...groups.map((id) => ({ type: 'Group', id }))];
  return {
    uid,
    entities: [{ uid, attrs: { careUnits: [...careUnits], mfa, userId: self }, parents }],
    key: ['User', role, mfa, groups.length, ...groups, ...careUnits].join(separator),
  };
}

function alone(type: string, id: string): AskingEntity {
  const uid = { type, id };
  return { uid, entities: [{ uid, attrs: {}, parents: [] }], key: `${type}${separator}${id}` };
}

const tenantUid = { type: 'Tenant', id: 'this' };
const patientUid = { type: 'Patient', id: 'this' };
const noBody: AskingEntity = { uid: tenantUid, entities: [{ uid: tenantUid, attrs: {}, parents: [] }], key: 'Tenant' };

/** What is asked about: a patient by attributes, or the hospital where no patient is named. */
export function resourceOf(principal: Principal, subject: PatientFacts | undefined): AskingEntity {
  if (subject === undefined) return noBody;
  const { careUnits, restricted, aiOptOut, researchOptOut, vip } = subject;
  const emergency = principal.kind === 'user' && subject.emergencyFor.includes(principal.userId);
  return {
    uid: patientUid,
    entities: [{ uid: patientUid, attrs: { careUnits: [...careUnits], restricted, aiOptOut, researchOptOut, vip, emergencyFor: emergency ? [self] : [] }, parents: [] }],
    key: ['Patient', restricted, aiOptOut, researchOptOut, vip, emergency, ...careUnits].join(separator),
  };
}
