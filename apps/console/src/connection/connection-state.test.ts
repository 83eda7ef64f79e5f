import { expect, it } from 'vitest';
import { firstConnection, nextConnection, silenceLimitMs, waitBeforeRetryMs, type ConnectionEvent, type ConnectionState } from './connection-state.ts';

const after = (...events: ConnectionEvent[]): ConnectionState => events.reduce(nextConnection, firstConnection);

it('is lost when the beat stays away, and says since when', () => {
  const atLimit = after({ type: 'heard', atMs: 1000 }, { type: 'tick', atMs: 1000 + silenceLimitMs });
  expect(atLimit.status).toBe('open');
  expect(nextConnection(atLimit, { type: 'tick', atMs: 1001 + silenceLimitMs })).toEqual({ status: 'lost', heardAtMs: 1000, attempt: 1 });
});

it('keeps the time of the last word through failed retries', () => {
  const state = after({ type: 'heard', atMs: 5 }, { type: 'failed' }, { type: 'failed' }, { type: 'failed' });
  expect(state).toEqual({ status: 'lost', heardAtMs: 5, attempt: 3 });
});

it('is open again with the first word', () => {
  expect(after({ type: 'failed' }, { type: 'heard', atMs: 9 })).toEqual({ status: 'open', heardAtMs: 9 });
});

it('never claims a time for a stream that was never heard', () => {
  expect(after({ type: 'failed' })).toEqual({ status: 'lost', heardAtMs: null, attempt: 1 });
});

it('waits longer each time, up to a bound', () => {
  expect([1, 2, 3, 4, 5, 50].map(waitBeforeRetryMs)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
});
