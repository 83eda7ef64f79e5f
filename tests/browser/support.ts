import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import type { Role } from '@primum/contract';
import { createTestDatabase } from '@primum/store/testing';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { bootPrimum, type Primum } from '../../apps/primum/src/boot.ts';
import { chromiumPath } from '../support/available.ts';
import { openCuttableLine, type CuttableLine } from './cuttable-line.ts';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A whole Primum with its ward, a browser, and a line between them that can be cut. */
export type Stage = {
  primum: Primum;
  browser: Browser;
  line: CuttableLine;
  /** A page of a browser of its own, signed in as the role's seeded user. Its errors are gathered in `faults`. */
  signIn(role: Role, options?: BrowserContextOptions): Promise<{ page: Page; faults: string[] }>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `wardRate`: ward seconds per second of the test. */
export async function openStage({ wardRate }: { wardRate: number }): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), 'primum-browser-'));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const database = await createTestDatabase();
  stack.defer(() => database.drop());
  const primum = await bootPrimum({ home, log: silentLog, databaseUrl: database.url, httpPort: 0, mllpPort: 0, wardRate });
  stack.defer(() => primum.stop());
  const line = await openCuttableLine(primum.httpPort);
  stack.defer(() => line.close());
  const browser = await chromium.launch({ executablePath: chromiumPath() ?? '', args: flags });
  stack.defer(() => browser.close());
  const owned = stack.move();
  return {
    primum, browser, line,
    async signIn(role, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark', ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => { if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text()); });
      const user = primum.seeded.find((seed) => seed.role === role);
      if (user === undefined) throw new Error(`no seeded ${role}`);
      await page.goto(line.url);
      await page.locator('input[name=username]').fill(user.username);
      await page.locator('input[name=password]').fill(user.password);
      await page.keyboard.press('Enter');
      await page.getByRole('navigation', { name: 'Pages' }).waitFor();
      return { page, faults };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong with a page as it stands, a line each. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  // axe's own result, of which these three parts are read.
  const violations = await page.evaluate('axe.run().then(({ violations }) => violations)') as { id: string; impact: string; nodes: { html: string }[] }[];
  return violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}
