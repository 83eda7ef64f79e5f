import { PrimumError } from '@primum/base';
import { claimServer } from './claim.ts';
import { layoutOf } from './layout.ts';
import { runningPostmaster } from './postmaster.ts';
import { startPostgres, type Postgres, type StartOptions } from './supervisor.ts';

/**
 * For a command that works beside a running Primum: the server of the home where one runs and somebody looks after
 * it (`stop` then leaves it running), else one of our own that `stop` ends.
 */
export async function connectOrStart(options: StartOptions): Promise<Omit<Postgres, 'version'> & { started: boolean }> {
  const layout = layoutOf(options.home);
  const beside = { connection: { url: layout.url }, started: false, stop: async (): Promise<void> => undefined };
  if (runningPostmaster(layout.data) !== undefined) {
    const claim = await claimServer(layout.url.replace(/\/primum$/, '/postgres'));
    if (claim.state === 'taken') return beside;
    if (claim.state === 'claimed') await claim.release(); // an orphan: the supervisor will replace it
  }
  try {
    return { ...(await startPostgres(options)), started: true };
  } catch (error) {
    // Somebody else started it in between.
    if (error instanceof PrimumError && error.code === 'store.in-use') return beside;
    throw error;
  }
}
