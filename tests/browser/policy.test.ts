import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../support/available.ts';
import { axeViolations, openStage, type Stage } from './support.ts';

describe.skipIf(chromiumPath() === undefined)('policy in a browser', () => {
  let stage: Stage;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    stage = await openStage({ wardRate: 60 });
    ({ page, faults } = await stage.signIn('clinician'));
    await page.locator('tr[data-stay]').nth(3).waitFor({ timeout: 60_000 });
  }, 120_000);
  afterAll(async () => { await stage?.[Symbol.asyncDispose](); });

  it('offers an emergency access in place of an error, says how long it is open, and ends it', async () => {
    const { db } = stage.primum.core;
    const stayId = await page.locator('tr[data-stay]').first().getAttribute('data-stay');
    await db.query("delete from care_assignment where subject like 'user:%'", []);
    await page.waitForTimeout(700);
    await page.goto(`${stage.line.url}stays/${stayId}`);
    await page.getByRole('heading', { name: 'Emergency access' }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    const open = page.getByRole('button', { name: 'Open in an emergency' });
    expect(await open.isDisabled()).toBe(true);
    await page.getByLabel('Reason').fill('Collapsed in the corridor');
    if (process.env['PRIMUM_SHOTS'] !== undefined) await page.screenshot({ path: `${process.env['PRIMUM_SHOTS']}/emergency-offer.png` });
    await open.click();
    await page.getByText(/Emergency access open, (60|59) min left/).waitFor();
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    if (process.env['PRIMUM_SHOTS'] !== undefined) await page.screenshot({ path: `${process.env['PRIMUM_SHOTS']}/emergency-open.png` });
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'End it now' }).click();
    await page.getByRole('heading', { name: 'Emergency access' }).waitFor();
    expect(await page.getByText(/min left/).count()).toBe(0);
  });

  it('finds nobody by a number that nobody has, and says so', async () => {
    await page.goto(`${stage.line.url}worklist`);
    await page.getByText('Patients of your units stand here').waitFor();
    await page.getByRole('button', { name: 'Find a patient by number' }).click();
    await page.getByLabel('Medical record number').fill('nobody');
    await page.keyboard.press('Enter');
    await page.getByText('Nobody here has this number.').waitFor();
    expect(faults).toEqual([]);
  });

  it('shows the privacy officer who may do what, decided now, with the policies that decided', async () => {
    const { page: officer, faults: own } = await stage.signIn('privacy-officer');
    await officer.getByRole('link', { name: 'Policy', exact: true }).click();
    await officer.getByRole('row', { name: /patient\.read/ }).waitFor();
    await officer.getByLabel('Patient').selectOption('restricted');
    await officer.getByLabel('Purpose').selectOption('HQUALIMP');
    const refused = officer.getByRole('link', { name: 'restricted', exact: true });
    await refused.waitFor();
    expect(officer.url()).toContain('patient=restricted');
    await refused.click();
    expect(officer.url()).toContain('#policy-restricted');
    await officer.locator('#policy-restricted').getByText('GDPR Article 18').waitFor();
    if (process.env['PRIMUM_SHOTS'] !== undefined) await officer.screenshot({ path: `${process.env['PRIMUM_SHOTS']}/policy.png` });
    expect(await axeViolations(officer)).toEqual([]);
    expect(own).toEqual([]);
  });
});
