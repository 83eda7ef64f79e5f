import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeEvidenceRun } from '../../apps/primum/src/evidence/evidence-run.ts';
import { chromiumPath } from '../support/available.ts';
import { axeViolations, openStage, type Stage } from './support.ts';

describe.skipIf(chromiumPath() === undefined)('evidence in a browser', () => {
  let stage: Stage;
  let page: Page;
  let faults: string[];
  let seen: { mrn: string; name: string };
  beforeAll(async () => {
    stage = await openStage({ wardRate: 60 });
    const clinician = await stage.signIn('clinician');
    const line = clinician.page.locator('tr[data-stay]').first();
    await line.waitFor({ timeout: 60_000 });
    const stayId = (await line.getAttribute('data-stay')) ?? '';
    seen = (await clinician.page.evaluate((id) => fetch(`/api/stays/${id}`).then((response) => response.json()), stayId) as { identity: typeof seen }).identity; // the contract's StayPage
    await clinician.page.close();
    ({ page, faults } = await stage.signIn('privacy-officer'));
    await page.getByRole('link', { name: 'Evidence' }).click();
  }, 120_000);
  afterAll(async () => { await stage?.[Symbol.asyncDispose](); });

  it('says what there is, and what the newest pack found', async () => {
    await page.getByText('None was made yet.').waitFor();
    await page.getByText('Nothing leaves the house.').first().waitFor();
    expect(await axeViolations(page)).toEqual([]);
    const finishedAt = '2026-06-01T08:00:00.000Z';
    writeEvidenceRun(stage.primum.core.home, {
      madeAt: finishedAt, quick: true, digest: 'ab'.repeat(32), out: '/evidence', controls: { shown: 3, partly: 2, notShown: 1, notBySoftware: 4 },
      proofs: [{ id: 'audit-verify', title: 'The audit log', of: 'this home', passed: false, says: 'the log is not whole', finishedAt }],
    });
    await page.reload();
    await page.getByText('1 not shown').waitFor();
    await page.getByRole('cell', { name: 'FAILED' }).waitFor(); // what failed stands open
    expect(await axeViolations(page)).toEqual([]);
  });

  it('flags a flow without an agreement until one is entered', async () => {
    const { db } = stage.primum.core;
    await db.query("insert into client (tenant, id, name, kind, scopes, purposes, redirect_uris, created_at) values (1, 'chart', 'Growth chart', 'app', '{patient/Observation.rs}', '{}', '{https://app.example/back}', now())");
    await page.reload();
    await page.getByText('1 flow of personal data has no agreement in force.').waitFor();
    await page.getByText('Enter an agreement').click();
    await page.getByLabel('Party').fill('Chart makers');
    await page.getByLabel('Scope').fill('Growth charts');
    await page.getByLabel('In force from').fill('2026-01-01');
    await page.getByLabel('Growth chart reads FHIR resources').check();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.getByText('Every flow of personal data is covered').waitFor();
  });

  it('goes from an account to the people it saw, with names when they are asked for, and takes a step', async () => {
    await page.getByText('Open an investigation or a drill').click();
    await page.getByRole('textbox', { name: /^Name/ }).fill('clinician');
    const minute = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
    await page.getByLabel('From (UTC)').fill(minute(Date.now() - 3_600_000));
    await page.getByLabel('To (UTC)').fill(minute(Date.now() + 120_000));
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByRole('heading', { name: /^account clinician — drill: \d+ people affected/ }).waitFor();
    expect(await page.locator('main').innerText()).not.toContain(seen.mrn);
    await page.getByText('GDPR Article 33(1)').waitFor();
    await page.getByRole('button', { name: 'Who they are, for the notices …' }).click();
    await page.getByRole('cell', { name: seen.mrn }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByLabel('What was done').fill('The account was disabled');
    await page.getByRole('button', { name: 'Record' }).click();
    await page.getByText('The account was disabled', { exact: false }).waitFor();
    expect(faults).toEqual([]);
  });
});
