import { roles, routes, usualPurpose, type Permission, type Purpose, type Role } from '@primum/contract';
import { askers, type Policy } from '@primum/trust';
import { tenant } from '../core.ts';
import type { ProcessingActivity } from './pack.ts';

const meanings: Readonly<Record<Purpose, string>> = {
  TREAT: 'Treatment', HOPERAT: 'Running the service', HSYSADMIN: 'Administering the system', HQUALIMP: 'Replaying, measuring and improving', HCOMPL: 'Oversight and auditing',
  HRESCH: 'Research, on pseudonyms', PUBHLTH: 'Public health reporting', PATRQT: 'What a patient asked for', BTG: 'Emergency access',
};

/** GDPR Article 30(1)(b)–(d), from what is really there: purposes, the routes that serve them, and the roles that the policies let in. */
export function processingRecord(policy: Policy): ProcessingActivity[] {
  const ofPurpose = Map.groupBy(Object.entries(usualPurpose) as [Permission, Purpose][], ([, purpose]) => purpose); // its own entries
  return [...ofPurpose].map(([purpose, entries]) => {
    const permissions = entries.map(([permission]) => permission);
    const mayAny = (role: Role): boolean => {
      const principal = askers[role];
      return principal !== undefined && permissions.some((authority) => policy.decide({ tenant, principal, authority, purpose }).allowed);
    };
    return {
      purpose, meaning: meanings[purpose], permissions, roles: roles.filter(mayAny),
      routes: Object.values(routes).filter(({ needs }) => permissions.some((permission) => permission === needs)).map(({ method, path }) => `${method} ${path}`),
    };
  });
}
