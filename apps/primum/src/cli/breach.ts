import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { breachKinds, OpenBreach, shapeErrors } from '@primum/contract';
import { mintSystemPrincipal, openBreach, readBreach } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, osUser, withCore } from './settings.ts';

/** Opens an investigation and prints whom it affects, what was seen and what is due when, as JSON. */
export async function breach(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { home: { type: 'string' }, account: { type: 'string' }, client: { type: 'string' }, key: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, discovered: { type: 'string' }, drill: { type: 'boolean' } },
  });
  const kind = breachKinds.find((one) => values[one] !== undefined);
  await withCore(homeOf(values.home), async (core) => {
    const now = core.clock.now().toISOString();
    const asked = { kind, subject: kind === undefined ? undefined : values[kind], from: values.from, to: values.to ?? now, discoveredAt: values.discovered ?? now, drill: values.drill === true };
    const [fault] = shapeErrors(OpenBreach, asked);
    if (fault !== undefined) throw new PrimumError('config.usage', `primum breach --account NAME|--client ID|--key ID --from TIME [--to TIME] [--discovered TIME] [--drill]: ${fault}`);
    const principal = mintSystemPrincipal(`cli:${osUser()}`);
    const { id } = await openBreach(core, tenant, principal, asked as OpenBreach); // checked just before
    console.log(JSON.stringify(await readBreach(core, tenant, principal, id), null, 2));
  });
}
