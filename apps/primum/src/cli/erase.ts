import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { ErasureReceipt, shapeErrors } from '@primum/contract';
import { countPersonalData, receiptKeyId, verifyReceipt } from '@primum/trust';
import { tenant } from '../core.ts';
import { listErasures } from '../rights/erasures.ts';
import { receiptKeyOf } from '../rights/execute-erasure.ts';
import { homeOf, withCore } from './settings.ts';

const use = 'primum erase list | verify RECEIPT.json';

/** Erasures are asked for and approved by two people in the console; here they are listed, and a receipt is checked. */
export async function erase(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { home: { type: 'string' } }, allowPositionals: true });
  const [verb, file] = positionals;
  await withCore(homeOf(values.home), async (core) => {
    if (verb === 'list') {
      for (const { id, status, basis, requestedAt, refusal } of await listErasures(core)) console.log(`${id}  ${requestedAt}  ${status}  ${basis}${refusal === null ? '' : `  ${refusal}`}`);
    } else if (verb === 'verify' && file !== undefined) {
      const receipt: unknown = JSON.parse(readFileSync(file, 'utf8'));
      if (shapeErrors(ErasureReceipt, receipt).length > 0) throw new PrimumError('rights.receipt-invalid', 'not a receipt');
      const { content, signature } = receipt as ErasureReceipt; // just checked
      verifyReceipt({ content, signature }, receiptKeyId(await receiptKeyOf(core.home)));
      const keysLeft = content.destroyedKeys.length - (await core.keys.destroyed(tenant, content.destroyedKeys)).length;
      const rowsLeft = await countPersonalData(core.personalData, core.db, tenant, content.patientIds);
      const good = keysLeft === 0 && Object.keys(rowsLeft).length === 0;
      console.log(JSON.stringify({ signature: 'good', erasedAt: content.verifiedAt, destroyedKeys: content.destroyedKeys.length, keysLeft, rowsLeft }));
      console.log(good ? 'The receipt holds: the keys are destroyed and nothing of this person is in the database.' : 'The receipt is genuine, but something is there again.');
      if (!good) process.exitCode = 1;
    } else throw new PrimumError('config.usage', use);
  });
}
