import { expect, it } from 'vitest';
import { readSignInSearch, readStaySearch, readWorklistSearch } from './route-search.ts';

it('leads back only within the console', () => {
  expect(readSignInSearch({ next: '/stays/1?hours=12' })).toEqual({ next: '/stays/1?hours=12' });
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', 7]) expect(readSignInSearch({ next })).toEqual({});
});

it('falls back to the defaults on anything else', () => {
  expect(readStaySearch({ hours: '24' })).toEqual({ hours: 24 });
  expect(readStaySearch({ hours: 1e9 })).toEqual({});
  expect(readWorklistSearch({ order: 'name', mine: 'yes', site: '' })).toEqual({});
});
