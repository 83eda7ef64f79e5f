import { expect, it } from 'vitest';
import { runReplayTorture } from './torture/replay.ts';

it('replays predictions over a stirred record and a restart, and reports every tampered one (short form of the torture)', async () => {
  expect(await runReplayTorture({ replays: '60', corrupt: '20' })).toMatchObject({ replayed: 60, identical: 60, corrupted: 20, reported: 20, quarantined: 0 });
}, 120_000);
