import { describe, expect, it } from 'vitest';
import { actorOf, mintSystemPrincipal, userPrincipal } from './principal.ts';

describe('a principal', () => {
  it('of the system is minted under a name that is known, and named in the log', () => {
    // @ts-expect-error no such part of the system
    expect(() => mintSystemPrincipal('superuser')).toThrow('no such system principal');
    // @ts-expect-error not in the prototype either
    expect(() => mintSystemPrincipal('constructor')).toThrow('no such system principal');
    expect(() => mintSystemPrincipal('cli:')).toThrow('no such system principal');
    const person = userPrincipal({ userId: '0190a0a0-0000-7000-8000-000000000001', username: 'x', role: 'auditor' });
    expect([mintSystemPrincipal('serving'), mintSystemPrincipal('cli:anna'), person].map(actorOf)).toEqual(['system:serving', 'cli:anna', 'user:x']);
  });

  it('that is a person works nowhere, in no group and without a second factor, unless it is said', () => {
    expect(userPrincipal({ userId: '1', username: 'x', role: 'clinician' })).toMatchObject({ careUnits: [], groups: [], mfa: false });
  });
});
