import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Worklist } from '@primum/contract';
import * as client from 'openid-client';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../support/available.ts';
import { axeViolations, openStage, type Stage } from './support.ts';

/** Where `PRIMUM_SHOTS` names a folder, pages are kept as pictures for a person to judge. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['PRIMUM_SHOTS'];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

describe.skipIf(chromiumPath() === undefined)('a SMART app in a browser', () => {
  let stage: Stage;
  let page: Page;
  let faults: string[];
  let server: Server;
  let app: string;
  let origin: string;
  let config: client.Configuration;
  let foundOnApps: string[];
  const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(), expectedNonce: client.randomNonce() };

  /** The app is of another site (`localhost`, not 127.0.0.1), so no cookie of ours that is for our own pages comes along. */
  const startUrl = async (scope: string, more: Record<string, string> = {}): Promise<string> => client.buildAuthorizationUrl(config, {
    redirect_uri: `${app}/back`, scope, aud: `${origin}/api/fhir`, state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier), code_challenge_method: 'S256', ...more,
  }).href;

  /** By hand, on the Apps page; gives what axe finds wrong with it. */
  const registerApp = async (): Promise<string[]> => {
    const security = await stage.signIn('security-officer');
    await security.page.getByRole('link', { name: 'Apps' }).click();
    await security.page.getByText('No app and no service account is registered.').waitFor();
    await security.page.getByRole('button', { name: 'Register' }).click();
    await security.page.getByLabel('Id').fill('growth-chart');
    await security.page.getByLabel('Name').fill('Growth chart');
    await security.page.getByLabel('Redirect addresses').fill(`${app}/back`);
    await security.page.getByLabel('Launch address').fill(`${app}/launch`);
    const found = await axeViolations(security.page);
    await shoot(security.page, 'apps-register');
    await security.page.getByRole('dialog').getByRole('button', { name: 'Register' }).click();
    await security.page.getByRole('button', { name: 'Disable Growth chart' }).waitFor();
    await shoot(security.page, 'apps');
    return [...found, ...await axeViolations(security.page)];
  };

  beforeAll(async () => {
    stage = await openStage({ wardRate: 1800 });
    origin = `http://127.0.0.1:${stage.primum.httpPort}`;
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', app);
      const launch = url.searchParams.get('launch');
      const scope = launch === null ? 'openid fhirUser launch/patient patient/*.rs' : 'openid launch patient/*.rs';
      void startUrl(scope, launch === null ? {} : { launch }).then((start) => {
        response.setHeader('content-type', 'text/html');
        response.end(url.pathname === '/back' ? '<title>Back</title><h1>Back at the app</h1>' : `<title>App</title><a href="${start.replaceAll('&', '&amp;')}">Start</a>`);
      });
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    app = `http://localhost:${(server.address() as AddressInfo).port}`; // it listens on a port
    foundOnApps = await registerApp();
    config = await client.discovery(new URL(`${origin}/oidc`), 'growth-chart', undefined, client.None(), { execute: [client.allowInsecureRequests] });
    ({ page, faults } = await stage.signIn('clinician'));
    await page.locator('tr[data-stay]').nth(10).waitFor({ timeout: 60_000 });
  }, 120_000);
  afterAll(async () => {
    server?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  it('is registered on a page that everyone can use', () => expect(foundOnApps).toEqual([]));

  it('asks, is given a patient, and reads that patient from its own page', async () => {
    await page.goto(app);
    await page.getByRole('link', { name: 'Start' }).click();
    await page.getByRole('heading', { name: 'Growth chart asks for access' }).waitFor();
    const allow = page.getByRole('button', { name: 'Allow', exact: true });
    expect(await allow.isDisabled()).toBe(true);
    await page.getByRole('radio').nth(3).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await shoot(page, 'authorize');
    await page.getByRole('radio').nth(3).check();
    await allow.click();
    await page.getByRole('heading', { name: 'Back at the app' }).waitFor();
    const tokens = await client.authorizationCodeGrant(config, new URL(page.url()), checks);
    expect(tokens).toMatchObject({ need_patient_banner: true, scope: 'openid fhirUser launch/patient patient/*.rs' });
    const status = await page.evaluate(([url, token]) => fetch(url!, { headers: { authorization: `Bearer ${token}` } }).then((answer) => answer.status), [`${origin}/api/fhir/Patient/${String(tokens['patient'])}`, tokens.access_token]);
    expect(status).toBe(200);
  });

  it('opens from a patient\'s page, for that patient', async () => {
    await page.goto(`${origin}/worklist`);
    await page.locator('tr[data-stay]').nth(5).waitFor();
    const list = await page.evaluate('fetch("/api/worklist").then((answer) => answer.json())') as Worklist; // the contract's shape
    const { stayId, patientId, identity } = list.rows[5]!; // the ward is full
    await page.goto(`${origin}/stays/${stayId}`);
    await page.getByRole('button', { name: 'Open in Growth chart' }).waitFor();
    await shoot(page, 'stay-launch');
    const [opened] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('button', { name: 'Open in Growth chart' }).click()]);
    await opened.getByRole('link', { name: 'Start' }).click();
    await opened.getByText(identity.name).waitFor();
    expect(await axeViolations(opened)).toEqual([]);
    await shoot(opened, 'authorize-launch');
    await opened.getByRole('button', { name: 'Allow', exact: true }).click();
    await opened.getByRole('heading', { name: 'Back at the app' }).waitFor();
    const tokens = await client.authorizationCodeGrant(config, new URL(opened.url()), checks);
    expect(tokens['patient']).toBe(patientId);
  });

  it('is taken back on the account page', async () => {
    await page.goto(`${origin}/account`);
    const back = page.getByRole('button', { name: 'Take back from growth-chart' });
    await back.first().waitFor();
    await shoot(page, 'account-apps');
    const before = await back.count();
    await back.first().click();
    await expect.poll(() => back.count()).toBe(before - 1);
    expect(faults).toEqual([]);
  });
});
