import type { Worklist } from '@primum/contract';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../support/available.ts';
import { axeViolations, openStage, type Stage } from './support.ts';

describe.skipIf(chromiumPath() === undefined)('the Rights page in a browser', () => {
  let stage: Stage;
  let page: Page;
  let faults: string[];
  let mrn: string;

  beforeAll(async () => {
    stage = await openStage({ wardRate: 1800 });
    const clinician = await stage.signIn('clinician');
    await clinician.page.locator('tr[data-stay]').nth(10).waitFor({ timeout: 60_000 });
    const list = await clinician.page.evaluate('fetch("/api/worklist").then((answer) => answer.json())') as Worklist; // the contract's shape
    mrn = list.rows[0]!.identity.mrn; // the ward is full
    ({ page, faults } = await stage.signIn('privacy-officer'));
    await page.getByRole('link', { name: 'Rights' }).click();
  }, 120_000);
  afterAll(async () => { await stage?.[Symbol.asyncDispose](); });

  it('finds a person by number and says what stands for them', async () => {
    await page.getByLabel('Medical record number').fill('NOBODY');
    await page.keyboard.press('Enter');
    await page.getByText('Nobody has this number.').waitFor();
    await page.getByLabel('Medical record number').fill(mrn);
    await page.keyboard.press('Enter');
    await page.getByText('An erasure would be refused now. The person is being treated').waitFor();
    expect(await axeViolations(page)).toEqual([]);
  });

  it('records an objection and withdraws it', async () => {
    await page.getByRole('button', { name: 'Record an objection' }).click();
    await page.getByRole('dialog').getByText('Scoring stops at once').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Record the objection' }).click();
    await page.getByText('Objected to scoring by models: not scored.').waitFor();
    await page.getByRole('button', { name: 'Withdraw the objection to Scoring by models' }).click();
    await page.getByText('Objected to scoring by models: not scored.').waitFor({ state: 'detached' });
  });

  it('asks for an erasure only with the number typed, and shows the refusal', async () => {
    await page.getByRole('button', { name: 'Ask for erasure …' }).click();
    const ask = page.getByRole('button', { name: 'Ask for the erasure' });
    await page.getByLabel(/Type the medical record number/).fill('WRONG');
    expect(await ask.isDisabled()).toBe(true);
    await page.getByLabel(/Type the medical record number/).fill(mrn);
    expect(await axeViolations(page)).toEqual([]);
    await ask.click();
    await page.getByText('refused: The person is being treated: a stay goes on.').waitFor();
  });

  it('shows the second person what waits, and nothing else', async () => {
    const officer = await stage.signIn('security-officer', { colorScheme: 'light' });
    await officer.page.getByRole('link', { name: 'Rights' }).click();
    await officer.page.getByText('Erasures: who asked for one cannot approve it').waitFor();
    expect(await officer.page.getByLabel('Medical record number').count()).toBe(0);
    expect(await axeViolations(officer.page)).toEqual([]);
  });

  it('broke no rule of its own on the way', () => {
    expect(faults).toEqual([]);
  });
});
