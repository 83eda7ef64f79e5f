import { createTestDatabase } from '@primum/store/testing';
import { expect, it } from 'vitest';
import { createBacklog } from './backlog.ts';

it('lets messages in before it applies them while more than half the room is left, and no longer', async () => {
  const { db, drop } = await createTestDatabase();
  try {
    const backlog = createBacklog({ db }, 1, 1_000);
    expect(backlog.patience()).toBe(0);
    backlog.add(30);
    expect(backlog.patience()).toBe(1);
    backlog.add(200);
    expect(backlog.patience()).toBe(10);
    backlog.add(300);
    expect([backlog.patience(), backlog.saturated()]).toEqual([0, false]);
    backlog.add(600);
    expect([backlog.patience(), backlog.saturated()]).toEqual([0, true]);
    backlog.add(-700);
    expect([backlog.patience(), backlog.saturated()]).toEqual([10, false]);
    expect(await backlog.refresh()).toBe(0);
  } finally {
    await drop();
  }
});
