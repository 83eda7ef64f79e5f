import { permissions, rolePermissions, roles, type Permission, type Role } from '@primum/contract';
import { describe, expect, it } from 'vitest';
import { actorOf, mintSystemPrincipal, principalAllows, userPrincipal, type Authority } from './principal.ts';

/** Written out a second time on purpose: widening a role must be said twice. */
const mayDo: Record<Role, readonly Permission[]> = {
  clinician: ['patient.read', 'patient.find', 'prediction.read', 'prediction.replay', 'alert.act', 'emergency.access', 'model.read', 'lineage.read', 'consent.read', 'consent.write'],
  'integration-engineer': ['feed.read', 'quarantine.read', 'quarantine.replay'],
  'data-scientist': ['model.read', 'lineage.read'],
  'ml-engineer': ['model.read', 'feed.read', 'lineage.read'],
  'privacy-officer': [
    'patient.find', 'audit.read', 'audit.export', 'disclosure.read', 'review.manage', 'breach.investigate', 'consent.read', 'consent.write', 'rights.manage',
    'erasure.manage', 'retention.manage', 'policy.read', 'evidence.read', 'agreement.manage', 'model.read', 'lineage.read',
  ],
  'security-officer': ['user.manage', 'client.manage', 'key.read', 'key.manage', 'policy.read', 'evidence.read', 'breach.investigate', 'audit.read', 'audit.export', 'model.read'],
  auditor: ['audit.read', 'audit.export', 'policy.read', 'evidence.read', 'key.read', 'lineage.read', 'model.read'],
};
const systemOnly: readonly Authority[] = ['patient.write', 'source.manage'];
const person = (role: Role): ReturnType<typeof userPrincipal> => userPrincipal({ userId: '0190a0a0-0000-7000-8000-000000000001', username: 'x', role });

describe('who may what', () => {
  it.each(roles.flatMap((role) => permissions.map((permission) => [role, permission, mayDo[role].includes(permission)] as const)))(
    '%s, %s: %s', (role, permission, allowed) => expect(principalAllows(person(role), permission)).toBe(allowed),
  );

  it('gives no person what only the system does', () => {
    for (const role of roles) for (const authority of systemOnly) expect(principalAllows(person(role), authority), `${role} ${authority}`).toBe(false);
  });

  it('has a table for each role, and no permission that nobody holds', () => {
    expect(Object.keys(rolePermissions).sort()).toEqual([...roles].sort());
    expect([...permissions].filter((permission) => !roles.some((role) => principalAllows(person(role), permission)))).toEqual([]);
  });

  it('gives parts of the system what they need and no more', () => {
    expect(principalAllows(mintSystemPrincipal('ingest'), 'patient.write')).toBe(true);
    expect(principalAllows(mintSystemPrincipal('ingest'), 'audit.read')).toBe(false);
    expect(principalAllows(mintSystemPrincipal('replay'), 'patient.write')).toBe(false);
    expect(principalAllows(mintSystemPrincipal('cli:root'), 'user.manage')).toBe(true);
    expect(principalAllows(mintSystemPrincipal('cli:root'), 'alert.act')).toBe(false);
  });

  it('mints only names that it knows, and names them in the log', () => {
    // @ts-expect-error no such part of the system
    expect(() => mintSystemPrincipal('superuser')).toThrow('no such system principal');
    // @ts-expect-error not in the prototype either
    expect(() => mintSystemPrincipal('constructor')).toThrow('no such system principal');
    expect(() => mintSystemPrincipal('cli:')).toThrow('no such system principal');
    expect([mintSystemPrincipal('serving'), mintSystemPrincipal('cli:anna'), person('auditor')].map(actorOf)).toEqual(['system:serving', 'cli:anna', 'user:x']);
  });
});
