import { rolePermissions, roles } from '@primum/contract';
import { expect, it } from 'vitest';
import { landingFor, placesFor } from './places.ts';

it('gives every role a page of its own to start on', () => {
  const landings = roles.map((role) => landingFor({ role, permissions: [...rolePermissions[role]] }));
  expect(landings).toEqual(['/worklist', '/feeds', '/model', '/model', '/reviews', '/audit', '/audit']);
});

it('shows no page that the session may not read', () => {
  expect(placesFor({ permissions: ['audit.read'] }).map(({ to }) => to)).toEqual(['/accesses', '/audit']);
  expect(landingFor({ role: 'clinician', permissions: ['model.read'] })).toBe('/model');
  expect(landingFor({ role: 'clinician', permissions: [] })).toBeNull();
});
