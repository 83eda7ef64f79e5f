import { expect, it } from 'vitest';
import { clockText, coverText, stepsAfter } from './evidence-words.ts';

it('says how long a duty has, and shouts when it is late', () => {
  const of = (hoursLeft: number): string => clockText({ duty: '', source: '', due: '', hoursLeft });
  expect([of(71.6), of(-3), of(24 * 60)]).toEqual(['72 h left', 'OVERDUE by 3 h', '60 days left']);
});

it('flags a flow without an agreement, and one that soon will be', () => {
  const flow = { id: 'x', what: '', to: '', personal: true, agreementId: null };
  expect([coverText({ ...flow, covered: false, endsInDays: null }), coverText({ ...flow, covered: true, endsInDays: 30 }), coverText({ ...flow, covered: true, endsInDays: 300 })]).toEqual(['NO AGREEMENT', 'yes, ends in 30 days', 'yes']);
});

it('offers only what may follow', () => {
  expect([stepsAfter('opened'), stepsAfter('assessed'), stepsAfter('closed'), stepsAfter('nonsense')]).toEqual([['contain'], ['notify', 'close'], [], []]);
});
