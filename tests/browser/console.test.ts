import type { Page } from 'playwright-core';
import { setDestination } from '@primum/ingest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../support/available.ts';
import { axeViolations, openStage, type Stage } from './support.ts';

/** The ward at half an hour a second: its first patients turn septic within the first minute. */
const wardRate = 1800;

// The ward moves faster here than anyone can click: a step that it overtook is taken again.
describe.skipIf(chromiumPath() === undefined)('the console in a browser', { retry: 2 }, () => {
  let stage: Stage;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    stage = await openStage({ wardRate });
    ({ page, faults } = await stage.signIn('clinician'));
    await page.locator('tr[data-stay]').nth(10).waitFor({ timeout: 60_000 }); // the day before is history that comes in a burst
  }, 120_000);
  afterAll(async () => { await stage?.[Symbol.asyncDispose](); });

  const rows = () => page.locator('tr[data-stay]');
  const namesInOrder = () => page.locator('tr[data-stay] td[data-column=patient] a').allTextContents();
  /** Hands the list back its live order: neither pointer nor focus in it. */
  const leaveList = async (): Promise<void> => {
    await page.mouse.move(5, 5);
    await page.evaluate(() => { if (document.activeElement instanceof HTMLElement) document.activeElement.blur(); });
  };
  const goToWorklist = async (): Promise<void> => {
    await page.keyboard.press('Escape'); // a dialog that an earlier attempt left open
    await page.getByRole('link', { name: 'Worklist', exact: true }).click();
    await rows().first().waitFor();
    await leaveList();
  };

  it('says what it is: a simulation, at which speed, and not for clinical use', async () => {
    const words = await page.locator('body').innerText();
    for (const said of [`SIMULATION ${wardRate}×`, 'demonstration, not for clinical use', 'estimated chance that sepsis criteria are met within 6 h']) expect(words).toContain(said);
  });

  it('refuses a wrong password in words and goes back to the page that was asked for', async () => {
    const context = await stage.browser.newContext();
    const other = await context.newPage();
    await other.goto(`${stage.line.url}worklist?order=bed`);
    await other.locator('input[name=username]').fill('clinician');
    await other.locator('input[name=password]').fill('not the password');
    await other.keyboard.press('Enter');
    await other.getByRole('alert').getByText('auth.failed').waitFor();
    await other.locator('input[name=password]').fill(stage.primum.seeded.find(({ role }) => role === 'clinician')?.password ?? '');
    await other.keyboard.press('Enter');
    await other.locator('tr[data-stay]').first().waitFor();
    expect(other.url()).toContain('/worklist?order=bed');
    await context.close();
  });

  it('shows a patient rise in the list by itself', async () => {
    await goToWorklist();
    const before = await namesInOrder();
    await expect.poll(async () => {
      const now = await namesInOrder();
      // Somebody stands above a patient below whom they stood, both present all along.
      return now.some((name, index) => now.slice(index + 1).some((other) => before.includes(name) && before.includes(other) && before.indexOf(name) > before.indexOf(other)));
    }, { timeout: 45_000, interval: 300 }).toBe(true);
  });

  it('keeps the order still under the pointer, says what waits, and takes it over on R', async () => {
    await goToWorklist();
    await rows().nth(3).hover();
    const still = await namesInOrder();
    await expect.poll(() => page.getByRole('button', { name: 'press R' }).count(), { timeout: 25_000, interval: 200 }).toBe(1);
    const held = await namesInOrder();
    expect(held.slice(0, still.length)).toEqual(still);
    await page.keyboard.press('r');
    await expect.poll(namesInOrder).not.toEqual(held);
    await leaveList();
  });

  it('opens the drivers of a score, in three groups of signed points, and makes the score again', async () => {
    await goToWorklist();
    await page.locator('tr[data-stay]:has(td[data-column=drivers] li) td[data-column=patient] a').first().click();
    const drivers = page.getByRole('region', { name: 'What moved the score' });
    await drivers.getByRole('heading', { name: /^Physiology [+−]?\d/ }).waitFor();
    const points = await drivers.locator('table td:nth-child(3)').allTextContents();
    expect(points.length).toBeGreaterThan(3);
    expect(points.every((text) => /^[+−]?\d+\.\d\d$/.test(text))).toBe(true);
    expect(await drivers.textContent()).toMatch(/starts at .* together .* points/);
    const made = page.getByRole('region', { name: 'How the score was made' });
    await made.getByText('Inputs commitment').waitFor();
    await made.getByRole('button', { name: 'Replay this score' }).click();
    await made.getByText('= Identical').waitFor();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds wrong, in %s', async (scheme) => {
    const { page: fresh, faults: own } = await stage.signIn('clinician', { colorScheme: scheme });
    await fresh.locator('tr[data-stay]').nth(10).waitFor();
    expect(await fresh.locator('html').getAttribute('data-mantine-color-scheme')).toBe(scheme);
    expect(await axeViolations(fresh)).toEqual([]);
    await fresh.locator('tr[data-stay] td[data-column=patient] a').first().click();
    await fresh.getByRole('region', { name: 'Vitals' }).locator('canvas').first().waitFor();
    expect(await axeViolations(fresh)).toEqual([]);
    expect(own).toEqual([]);
    await fresh.context().close();
  });

  it('tells every state apart with no colour at all', async () => {
    await goToWorklist();
    const style = await page.addStyleTag({ content: ':root{--higher:#888!important;--lower:#888!important;--quiet:#888!important;--text:#888!important} tr:hover{background:none!important}' });
    // Read in one go: the list moves by itself.
    const marks = await page.locator('td[data-column=state] svg[data-shape]').evaluateAll((svgs) => svgs.map((svg) => ({
      shape: svg.getAttribute('data-shape') ?? '', drawing: svg.innerHTML, words: (svg.parentElement?.textContent ?? '').trim(),
    })));
    expect(marks.filter(({ words }) => words === '')).toEqual([]);
    const drawn = new Map(marks.map(({ shape, drawing }) => [shape, drawing]));
    expect(drawn.size).toBeGreaterThan(1);
    expect(new Set([...drawn.values()].map((svg) => svg.replaceAll(/(?:fill|stroke)="var[^"]*"/g, ''))).size).toBe(drawn.size);
    await style.evaluate((element) => element.parentNode?.removeChild(element));
  });

  it('is worked by keyboard alone, and both actions on an alert name the patient', async () => {
    await goToWorklist();
    await page.locator('tr[data-stay]:has(button:text("Acknowledge"))').first().waitFor({ timeout: 100_000 });
    await page.keyboard.press('/');
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Find by name, bed or MRN');
    await page.keyboard.press('Escape');
    await page.keyboard.press('b');
    await expect.poll(() => page.url()).toContain('order=bed');
    await page.keyboard.press('b');
    await expect.poll(() => page.url()).not.toContain('order=bed');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    // Alerts that nobody owns stand first.
    const inFocus = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    const focused = await inFocus();
    expect(focused).toBe((await namesInOrder())[0]);
    await page.keyboard.press('s');
    await page.getByRole('dialog').getByRole('button', { name: `Snooze ${focused} until` }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(inFocus).toBe(focused); // the dialog gives the focus back
    await page.keyboard.press('a');
    await page.getByRole('dialog').getByRole('button', { name: `Acknowledge for ${focused}` }).waitFor();
    await page.keyboard.press('Enter');
    const row = page.locator('tr[data-stay]', { hasText: focused });
    await row.getByText(/Clinician: assessing/).waitFor();
    expect(await row.locator('td[data-column=state]').textContent()).toContain('alert');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await row.locator('td[data-column=patient] a').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: focused }).waitFor();
  }, 120_000);

  it('says that the connection is lost, greys the list, counts ages on, and recovers', async () => {
    await goToWorklist();
    // Of somebody who was measured: who was just admitted has no age to count.
    const measured = page.locator('tr[data-stay]').filter({ has: page.locator('td[data-column=HR]', { hasText: /\d/ }) });
    const age = measured.last().locator('td[data-column=HR] span').last();
    stage.line.cut();
    try {
      await page.getByRole('alert').getByText(/Connection lost since .*\d\d:\d\d — values below are ageing/).waitFor({ timeout: 20_000 });
      expect(await page.locator('[data-ageing=true] tr[data-stay]').count()).toBeGreaterThan(10);
      const early = await age.textContent();
      await expect.poll(() => age.textContent(), { timeout: 5_000 }).not.toBe(early);
      await page.getByText('feeds: not known while no answer comes').waitFor();
    } finally {
      stage.line.join();
    }
    await page.locator('[data-ageing=false] tr[data-stay]').first().waitFor({ timeout: 30_000 });
    expect(await page.getByText('Connection lost').count()).toBe(0);
  });

  it('gives each role its own first page and nothing else', async () => {
    const seen = async (role: Parameters<Stage['signIn']>[0], title: string): Promise<string[]> => {
      const { page: other, faults: own } = await stage.signIn(role);
      await other.getByRole('heading', { name: title, level: 1 }).waitFor();
      const links = await other.getByRole('navigation', { name: 'Pages' }).getByRole('link').allTextContents();
      expect(await other.locator('body').innerText()).toContain('demonstration, not for clinical use');
      expect(await axeViolations(other)).toEqual([]);
      expect(own).toEqual([]);
      await other.context().close();
      return links;
    };
    expect(await seen('integration-engineer', 'Feeds')).toEqual(['Feeds', 'Devices', 'Subscriptions', 'Data quality']);
    expect(await seen('auditor', 'Audit')).toEqual(['Model', 'Who saw whom', 'Audit', 'Lineage', 'Policy', 'Evidence']);
    expect(await seen('privacy-officer', 'Reviews')).toEqual(['Model', 'Rights', 'Reviews', 'Who saw whom', 'Audit', 'Lineage', 'Policy', 'Evidence']);
    expect(await seen('security-officer', 'Users')).toEqual(['Model', 'Rights', 'Who saw whom', 'Audit', 'Policy', 'Evidence', 'Users', 'Apps']);
  });

  it('shows which fields of a sender are lost, and what waits for a receiver', async () => {
    const { core } = stage.primum;
    await core.db.transaction((tx) => setDestination(tx, 1, { name: 'ehr', host: '127.0.0.1', port: 9, tls: false, caFile: null, application: 'EHR', facility: 'N', timeoutMs: 1_000 }));
    const { page: other, faults: own } = await stage.signIn('integration-engineer');
    await other.getByText('Where messages are sent').waitFor();
    await other.getByRole('button', { name: /^Show which fields of/ }).first().click();
    await other.getByText(/fields are mapped whole/).waitFor();
    expect(await axeViolations(other)).toEqual([]);
    await other.keyboard.press('Escape');
    await other.getByRole('dialog').waitFor({ state: 'detached' });
    expect(own).toEqual([]);
    await other.context().close();
  });

  it('never broke its own rules on the way', () => {
    expect(faults).toEqual([]);
  });
});
