import { roles, type Role } from '@primum/contract';
import { expect, it } from 'vitest';
import { landingFor, placesFor } from './places.ts';

it('gives every role a page of its own to start on', () => {
  // One permission that the role has, by the policies that ship.
  const has: Record<Role, string[]> = {
    clinician: ['patient.read', 'model.read'], 'integration-engineer': ['feed.read'], 'data-scientist': ['model.read'], 'ml-engineer': ['model.read', 'feed.read'],
    'privacy-officer': ['review.manage', 'audit.read', 'model.read'], 'security-officer': ['user.manage', 'audit.read', 'model.read'], auditor: ['audit.read', 'model.read'],
  };
  expect(roles.map((role) => landingFor({ role, permissions: has[role] }))).toEqual(['/worklist', '/feeds', '/model', '/model', '/reviews', '/users', '/audit']);
});

it('shows no page that the session may not read', () => {
  expect(placesFor({ permissions: ['audit.read'] }).map(({ to }) => to)).toEqual(['/accesses', '/audit']);
  expect(landingFor({ role: 'clinician', permissions: ['model.read'] })).toBe('/model');
  expect(landingFor({ role: 'clinician', permissions: [] })).toBeNull();
});
