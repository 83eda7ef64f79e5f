import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { AddAgreement, shapeErrors } from '@primum/contract';
import { addAgreement, coverFlows, endAgreement, listAgreements, mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { dataFlows } from '../evidence/data-flows.ts';
import { homeOf, isUuid, osUser, withCore } from './settings.ts';

/** The register of agreements with business associates and processors, and the flows that it must cover. */
export async function agreement(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: {
      home: { type: 'string' }, party: { type: 'string' }, kind: { type: 'string', default: 'business-associate' }, scope: { type: 'string' },
      flow: { type: 'string', multiple: true }, from: { type: 'string' }, to: { type: 'string' },
    },
  });
  const [verb, id] = positionals;
  await withCore(homeOf(values.home), async (core) => {
    const principal = mintSystemPrincipal(`cli:${osUser()}`);
    if (verb === 'add') {
      const asked = { party: values.party, kind: values.kind, scope: values.scope, flows: values.flow ?? [], validFrom: values.from ?? core.clock.now().toISOString().slice(0, 10), validTo: values.to ?? null };
      const [fault] = shapeErrors(AddAgreement, asked);
      if (fault !== undefined) throw new PrimumError('config.usage', `primum agreement add --party P --scope TEXT --flow ID… [--kind business-associate|processor|other] [--from DAY] [--to DAY]: ${fault}`);
      console.log((await addAgreement(core, tenant, principal, asked as AddAgreement)).id); // checked just before
    } else if (verb === 'end' && id !== undefined && isUuid(id)) await endAgreement(core, tenant, principal, id);
    else if (verb === 'list') {
      const agreements = await listAgreements(core, tenant);
      for (const one of agreements) console.log(`${one.id}  ${one.party}  ${one.kind}  ${one.validFrom} to ${one.validTo ?? 'further notice'}${one.endedAt === null ? '' : '  ended'}  ${one.flows.join(' ')}`);
      const flows = coverFlows(await dataFlows(core, tenant, process.env), agreements, core.clock.now());
      for (const flow of flows) console.log(`${flow.covered === false ? 'NOT COVERED' : flow.covered === null ? 'no personal data' : 'covered'}  ${flow.id}  ${flow.what}`);
      if (flows.some(({ covered }) => covered === false)) process.exitCode = 1;
    } else throw new PrimumError('config.usage', 'primum agreement list | add … | end ID');
  });
}
