import { uuidv7 } from '@primum/base';
import { openReview, type NewReview } from '@primum/trust';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tenant } from '../../apps/primum/src/core.ts';
import { chromiumPath } from '../support/available.ts';
import { axeViolations, openStage, type Stage } from './support.ts';

describe.skipIf(chromiumPath() === undefined)('the privacy office in a browser', () => {
  let stage: Stage;
  let page: Page;
  let faults: string[];
  let patient: { id: string; mrn: string };
  const open = (more: Partial<NewReview>): Promise<unknown> => stage.primum.core.db.transaction((tx) => openReview(tx, {
    tenant, kind: 'vip', actor: 'user:clinician', patientId: patient.id, at: new Date(), auditEventIds: [], score: 0.5, ...more,
  }));

  beforeAll(async () => {
    stage = await openStage({ wardRate: 60 });
    const clinician = await stage.signIn('clinician');
    const link = clinician.page.locator('tr[data-stay]').first();
    await link.waitFor({ timeout: 60_000 });
    const stayId = (await link.getAttribute('data-stay')) ?? '';
    const [row] = await stage.primum.core.db.query<{ patient_id: string }>('select patient_id from stay where tenant = $1 and id = $2', [tenant, stayId]);
    const answer = await clinician.page.evaluate((id) => fetch(`/api/stays/${id}`).then((response) => response.json()), stayId) as { identity: { mrn: string } }; // the contract's StayPage
    patient = { id: row!.patient_id, mrn: answer.identity.mrn }; // the stay of the first row
    await clinician.page.close();
    ({ page, faults } = await stage.signIn('privacy-officer'));
  }, 120_000);
  afterAll(async () => { await stage?.[Symbol.asyncDispose](); });

  it('hears of a new item by itself, and says in words what waits', async () => {
    await page.getByText('Nothing waits for a decision.').first().waitFor();
    await open({});
    await page.getByText('1 waits for a decision.').waitFor();
    await open({ kind: 'emergency-access', at: new Date(Date.now() - 80 * 3_600_000), until: new Date(Date.now() - 79 * 3_600_000) });
    await page.getByText('2 wait for a decision, 1 of them overdue.').waitFor();
    expect(await page.locator('tbody tr').first().innerText()).toContain('overdue since');
    expect(await page.getByRole('link', { name: /^Reviews/ }).innerText()).toContain('2');
    expect(await page.locator('main').innerText()).not.toContain(patient.mrn);
    expect(await axeViolations(page)).toEqual([]);
  });

  it('shows whom only when an item is opened, and takes a decision by keyboard', async () => {
    await page.getByRole('link', { name: 'Opened a specially protected record' }).click();
    const panel = page.getByRole('region', { name: 'Item' });
    await panel.getByText(patient.mrn).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await panel.getByRole('radio', { name: 'Justified', exact: true }).focus();
    await page.keyboard.press('Space');
    await panel.getByLabel('Note').fill('Asked the ward: was on duty');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await panel.getByText('justified, by privacy').waitFor();
    await page.getByText('1 waits for a decision, 1 of them overdue.').waitFor();
    await page.getByText('Decided', { exact: true }).click();
    await page.getByRole('cell', { name: 'justified', exact: true }).waitFor();
  });

  it('says who saw a patient, and gives a page to print', async () => {
    await page.getByRole('link', { name: 'Who saw whom' }).click();
    await page.getByLabel('Medical record number').fill(patient.mrn);
    await page.keyboard.press('Enter');
    await page.getByRole('cell', { name: 'page opened' }).first().waitFor();
    expect(page.url()).not.toContain(patient.mrn);
    expect(await axeViolations(page)).toEqual([]);
    const [printed] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Page to print' }).click()]);
    await printed.getByText('Who saw this record').first().waitFor();
    await page.getByText('Disclosures to account for').click();
    await page.getByText('Nothing was disclosed that has to be accounted for.').waitFor();
    await page.getByLabel('Medical record number').fill(`NO-${uuidv7()}`);
    await page.keyboard.press('Enter');
    await page.getByText('Nobody has this number.').waitFor();
    expect(faults).toEqual([]);
  });
});
