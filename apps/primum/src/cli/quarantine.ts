import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { discardQuarantined, listQuarantine, replayQuarantined, showQuarantined } from '@primum/ingest';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, isUuid, osUser, withCore } from './settings.ts';

export async function quarantine(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { home: { type: 'string' } }, allowPositionals: true });
  const [verb, id] = positionals;
  await withCore(homeOf(values.home), async (core) => {
    const principal = mintSystemPrincipal(`cli:${osUser()}`);
    if (verb === 'list') {
      const messages = await listQuarantine(core, tenant);
      for (const message of messages) console.log(`${message.id}  ${message.receivedAt.toISOString()}  ${message.source ?? 'unknown source'}  ${message.type}  [${message.code}] ${message.detail}`);
      console.log(messages.length === 0 ? 'Nothing is in quarantine.' : `${messages.length} in quarantine.`);
      return;
    }
    if (id === undefined || !isUuid(id)) throw new PrimumError('config.usage', 'primum quarantine list | show ID | replay ID | discard ID');
    if (verb === 'show') {
      const message = await showQuarantined(core, principal, tenant, id);
      console.log(`[${message.code}] ${message.detail}\n${message.text.replaceAll('\r', '\n')}`);
    } else if (verb === 'replay') {
      await replayQuarantined(core, principal, tenant, id);
      console.log('It waits in its lane again; a running Primum applies it.');
    } else if (verb === 'discard') {
      await discardQuarantined(core, principal, tenant, id);
      console.log('Discarded; its text is kept.');
    } else throw new PrimumError('config.usage', 'primum quarantine list | show ID | replay ID | discard ID');
  });
}
