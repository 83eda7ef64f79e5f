import type { AlertView } from '@primum/contract';
import { expect, it } from 'vitest';
import { stateWords } from '../risk/state-words.ts';
import { ownerText } from './alert-words.ts';

const now = Date.parse('2026-11-24T03:00:00.000Z');
const open: AlertView = {
  id: '0', tier: 'high', status: 'open', raisedAt: '2026-11-24T02:10:00.000Z', predictionId: '0', owner: null, acknowledgedAt: null,
  acknowledgedAs: null, handedTo: null, snoozedUntil: null, snoozedBy: null, evidenceWithdrawnAt: null, version: 1,
};
const owned: AlertView = { ...open, status: 'acknowledged', owner: 'A. Rao', acknowledgedAt: '2026-11-24T02:15:00.000Z', acknowledgedAs: 'assessing' };

it('says how long nobody has owned an alert', () => {
  expect(ownerText(open, now)).toBe('no owner for 50 min');
});

it('says who owns it and how', () => {
  expect(ownerText(owned, now)).toBe('A. Rao: assessing, 02:15');
  expect(ownerText({ ...owned, acknowledgedAs: 'handed-over', handedTo: 'day team' }, now)).toBe('A. Rao: handed to day team, 02:15');
});

it('says who snoozed it and until when', () => {
  expect(ownerText({ ...open, status: 'snoozed', snoozedBy: 'A. Rao', snoozedUntil: '2026-11-24T04:10:00.000Z' }, now)).toBe('snoozed until 04:10 by A. Rao');
});

it('keeps an owned alert an alert, in another shape', () => {
  expect(stateWords({ state: 'alert', alert: open })).toEqual({ shape: 'alert', word: 'high alert' });
  expect(stateWords({ state: 'falling', alert: owned })).toEqual({ shape: 'alert-owned', word: 'high alert' });
  expect(stateWords({ state: 'withheld', alert: { ...open, tier: 'watch' } })).toEqual({ shape: 'alert', word: 'watch alert' });
  expect(stateWords({ state: 'withheld', alert: null })).toEqual({ shape: 'withheld', word: 'withheld' });
});
