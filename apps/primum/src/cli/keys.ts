import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { keyState, rotateKeys } from '../key-rotation.ts';
import { homeOf, osUser, withCore } from './settings.ts';

export async function keys(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { home: { type: 'string' }, 'tenant-key': { type: 'boolean' } }, allowPositionals: true });
  const [verb] = positionals;
  if (verb !== 'status' && verb !== 'rotate' && verb !== 'rewrap') throw new PrimumError('config.usage', 'primum keys status | rotate [--tenant-key] | rewrap');
  await withCore(homeOf(values.home), async (core) => {
    if (verb === 'rotate') {
      const what = values['tenant-key'] === true ? 'tenant' : 'master';
      const generation = await rotateKeys(core, what, mintSystemPrincipal(`cli:${osUser()}`));
      console.log(`The ${what} key's generation ${generation} is in use${what === 'master' ? '; a running Primum brings the other keys over to it, and so does primum keys rewrap' : '; what older ones sealed stays openable'}.`);
      return;
    }
    // Both walk over all keys: the figures are of now, and what rests on an old master key is wrapped again on the way.
    const terminal = process.stdout.isTTY;
    const walk = await core.keys.walk({ onProgress: ({ walked, rewrapped }) => { if (terminal) process.stdout.write(`\r${walked} keys, ${rewrapped} wrapped again`); } });
    if (terminal) process.stdout.write('\r\x1b[K');
    const state = keyState(await core.keys.status(tenant));
    console.log(`${state.walk?.patients ?? 0} patients' keys, ${state.walk?.intake ?? 0} of intake; store: ${state.store}; data key: generation ${state.tenantGeneration}`);
    for (const { generation, since, keys: resting } of state.masters) console.log(`master key ${generation} (${state.masterFrom}), since ${since}: ${resting ?? 0} keys rest on it`);
    if (walk.rewrapped > 0) console.log(`${walk.rewrapped} keys were wrapped again.`);
    if (state.masters.length > 1) console.log(state.masterFrom === 'file' ? 'Lines of generations on which nothing rests can be removed.' : 'Older master keys are dropped ten minutes after the newest was made, when nothing rests on them.');
    if (walk.unreadable > 0) {
      console.error(`${walk.unreadable} keys cannot be read: restore them from the key store's backup.`);
      process.exitCode = 1;
    }
  });
}
