import { uuidv7 } from '@primum/base';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { openReview, type NewReview } from './open-review.ts';

const tenant = 1;
let trust: TestTrust;
beforeAll(async () => { trust = await openTestTrust(); });
afterAll(() => trust.close());

const item = (more: Partial<NewReview> = {}): NewReview =>
  ({ tenant, kind: 'own-record', actor: 'user:ann', patientId: uuidv7(), at: trust.clock.now(), auditEventIds: [uuidv7()], score: 0.5, ...more });
const open = (review: NewReview): Promise<{ id: string; isNew: boolean }> => trust.db.transaction((tx) => openReview(tx, review));
const eventsOf = async (id: string): Promise<string[]> =>
  (await trust.db.query<{ audit_event_ids: string[] }>('select audit_event_ids from review_item where tenant = $1 and id = $2', [tenant, id]))[0]!.audit_event_ids;

it('gathers one person, patient, kind and day in one item, and tells of it once', async () => {
  const [first, second] = [uuidv7(), uuidv7()];
  const review = item({ auditEventIds: [first] });
  const opened = await open(review);
  expect(opened.isNew).toBe(true);
  expect(await open({ ...review, auditEventIds: [first, second] })).toEqual({ id: opened.id, isNew: false });
  expect(await eventsOf(opened.id)).toEqual([first, second]);
  const told = await trust.db.query('select 1 from outbox where topic = \'review.changed\' and key = $1', [opened.id]);
  expect(told.length).toBe(1);

  for (const other of [{ actor: 'user:bob' }, { kind: 'colleague' as const }, { patientId: uuidv7() }, { at: new Date(review.at.getTime() + 86_400_000) }]) {
    expect((await open({ ...review, ...other })).isNew).toBe(true);
  }
});

it('gathers what is about no one patient too', async () => {
  const review = item({ kind: 'unusual-volume', patientId: null });
  const { id } = await open(review);
  expect(await open(review)).toEqual({ id, isNew: false });
});

it('makes a new item of what happens after a verdict', async () => {
  const review = item();
  const { id } = await open(review);
  await trust.db.query('update review_item set status = \'justified\' where tenant = $1 and id = $2', [tenant, id]);
  expect((await open(review)).isNew).toBe(true);
});

it('keeps each emergency access by itself, due within 72 h', async () => {
  const review = item({ kind: 'emergency-access', until: new Date(trust.clock.now().getTime() + 3_600_000) });
  const [one, other] = [await open(review), await open(review)];
  expect(one.id).not.toBe(other.id);
  const [row] = await trust.db.query<{ due_at: Date }>('select due_at from review_item where tenant = $1 and id = $2', [tenant, one.id]);
  expect(row!.due_at.getTime() - review.at.getTime()).toBe(72 * 3_600_000);
});

it('names at most 200 events', async () => {
  const review = item({ auditEventIds: Array.from({ length: 150 }, () => uuidv7()) });
  const { id } = await open(review);
  await open({ ...review, auditEventIds: Array.from({ length: 150 }, () => uuidv7()) });
  expect((await eventsOf(id)).length).toBe(200);
});
