import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask, temporaryHome } from './support/booted.ts';
import { acknowledgesMore, bootInHome, expectNothingLost, streamMessages } from './support/under-load.ts';

describe('the database server killed under load', () => {
  it('is started again and everything goes on: nothing that was acknowledged is lost, nothing is applied twice', async () => {
    const { home, remove } = await temporaryHome();
    const primum = await bootInHome(home);
    const stream = streamMessages(primum.mllpPort);
    try {
      const [directory] = await primum.core.db.query<{ setting: string }>('select setting from pg_settings where name = \'data_directory\'', []);
      for (let kill = 0; kill < 2; kill += 1) {
        await acknowledgesMore(stream, 40, 10_000);
        process.kill(Number((await readFile(join(directory?.setting ?? '', 'postmaster.pid'), 'utf8')).split('\n')[0]), 'SIGKILL');
        await acknowledgesMore(stream, 40, 15_000);
        expect((await ask(primum.httpPort, { path: '/api/health' })).status).toBe(200);
      }
      await stream.stop();
      expect([...stream.refused.keys()].filter((answer) => !answer.startsWith('AR 207 store.'))).toEqual([]);
      await expectNothingLost(primum, stream);
    } finally {
      await stream.stop();
      await primum.stop();
      await remove();
    }
  });
});
