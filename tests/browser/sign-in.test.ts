import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { createTestDatabase } from '@primum/store/testing';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootPrimum, type Primum } from '../../apps/primum/src/boot.ts';
import { chromiumPath } from '../support/available.ts';
import { axeViolations } from './support.ts';

const ownPassword = 'blue ladder seven otters';

/** RFC 6238 and RFC 4226 (section 5.3) written out once more, as an authenticator app would. */
function codeNow(base32: string): string {
  const bits = [...base32].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', key).update(step).digest();
  const number = mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fff_ffff;
  return String(number % 1_000_000).padStart(6, '0');
}

describe.skipIf(chromiumPath() === undefined)('signing in to a production home', () => {
  let primum: Primum;
  let browser: Browser;
  let page: Page;
  let url: string;
  const stack = new AsyncDisposableStack();

  beforeAll(async () => {
    const home = await mkdtemp(join(tmpdir(), 'primum-sign-in-'));
    stack.defer(() => rm(home, { recursive: true, force: true }));
    const database = await createTestDatabase();
    stack.defer(() => database.drop());
    primum = await bootPrimum({ home, log: silentLog, mode: 'production', databaseUrl: database.url, httpPort: 0, mllpPort: 0 });
    stack.defer(() => primum.stop());
    browser = await chromium.launch({ executablePath: chromiumPath() ?? '', args: ['--no-sandbox', '--disable-gpu'] });
    stack.defer(() => browser.close());
    url = `http://localhost:${primum.httpPort}/`; // by its name, which passkeys need
    page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
    page.setDefaultTimeout(15_000);
    // An authenticator with a screen lock, as a phone or laptop has (WebAuthn level 3, section 11).
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
  }, 120_000);
  afterAll(() => stack.disposeAsync());

  const typePassword = async (password: string): Promise<void> => {
    await page.locator('input[name=username]').fill('security');
    await page.locator('input[name=password]').fill(password);
    await page.keyboard.press('Enter');
  };
  const signedIn = () => page.getByRole('navigation', { name: 'Pages' }).waitFor();
  const signOut = async (): Promise<void> => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.locator('input[name=username]').waitFor();
  };
  let secret = '';

  it('leads from the one-time password over a new one and an authenticator app to the first page', async () => {
    await page.goto(url);
    await typePassword(primum.seeded[0]?.password ?? '');
    await page.locator('input[name=current]').fill(primum.seeded[0]?.password ?? '');
    await page.locator('input[name=next]').fill('Password2026');
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByText('auth.password-refused').waitFor();
    await page.locator('input[name=next]').fill(ownPassword);
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByRole('button', { name: 'Add an authenticator app' }).click();
    secret = (await page.locator('[data-secret]').innerText()).replaceAll(/\s/g, '');
    expect(await axeViolations(page)).toEqual([]);
    await page.locator('input[name=code]').fill(codeNow(secret));
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('I have put them away').waitFor();
    expect(await page.locator('ol li').count()).toBe(10);
    await page.getByRole('button', { name: 'I have put them away' }).click();
    await signedIn();
    await page.getByRole('heading', { name: 'Users' }).waitFor();
  });

  it('takes a passkey on the account page, and signs in with it alone and as the second factor', async () => {
    await page.getByRole('link', { name: 'Security officer' }).click();
    await page.getByRole('button', { name: 'Add a second factor' }).click();
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByText('Passkeys sign in by themselves').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await signOut();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await signedIn();
    await signOut();
    await typePassword(ownPassword);
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await signedIn();
  });

  it('makes a person, whose one-time password it shows once', async () => {
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByRole('button', { name: 'New user' }).click();
    const field = (name: string) => page.getByRole('dialog').getByRole('textbox', { name });
    await field('User').fill('anna');
    await field('Name').fill('Anna Berger');
    await field('Units').fill('* north/icu');
    await page.getByRole('button', { name: 'Create' }).click();
    expect(await page.locator('[data-password]').innerText()).toMatch(/^[a-z]{5}(-[a-z]{5}){3}$/);
    await page.getByRole('dialog').getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByRole('button', { name: 'Change anna' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Enable' }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('cell', { name: 'disabled' }).waitFor();
  });

  it('asks for a fresh proof once the last one is old, and goes on with it', async () => {
    await primum.core.db.query('update session set authenticated_at = authenticated_at - interval \'16 minutes\'');
    await page.waitForTimeout(600); // what another connection changes is noticed within half a second
    await page.getByRole('button', { name: 'Change anna' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Enable' }).click();
    const confirm = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await confirm.getByRole('button', { name: 'Use a passkey' }).click();
    await confirm.waitFor({ state: 'detached' });
    expect(await primum.core.db.query('select disabled from app_user where username = \'anna\'')).toEqual([{ disabled: true }]);
    await page.getByRole('dialog').getByRole('button', { name: 'Enable' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).waitFor();
    await page.keyboard.press('Escape');
  });

  it('clears the screen and ends the session after its time without a touch, with a warning before', async () => {
    const idle = await browser.newPage();
    await idle.clock.install();
    await idle.context().addCookies(await page.context().cookies());
    await idle.goto(`${url}users`);
    await idle.getByRole('button', { name: 'Change anna' }).waitFor();
    await idle.clock.fastForward(14 * 60_000 + 5_000);
    await idle.getByRole('dialog', { name: 'Still there?' }).waitFor();
    await idle.clock.fastForward(60_000);
    await idle.getByText('You were signed out because nobody used this console').waitFor();
    expect(await idle.getByText('anna').count()).toBe(0);
    await expect.poll(async () => (await primum.core.db.query('select 1 as one from session')).length).toBe(0);
  });
});
