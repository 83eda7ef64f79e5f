import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { createOnnxEngine } from '@primum/inference';
import { createExplainer, createFindModel, replayPrediction } from '@primum/serving';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { loadServedModel, modelFolderOf, trustedKeysOf } from '../models.ts';
import { homeOf, isUuid, osUser, withCore } from './settings.ts';

/** Exit code 0: identical; 1: it differs; 2: it cannot be replayed. */
export async function replay(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { home: { type: 'string' } }, allowPositionals: true });
  const [id] = positionals;
  if (id === undefined || !isUuid(id)) throw new PrimumError('config.usage', 'primum replay PREDICTION_ID');
  const home = homeOf(values.home);
  await withCore(home, async (core) => {
    await using engine = createOnnxEngine();
    await using explainer = createExplainer();
    const findModel = createFindModel({ log: core.log, atHand: [await loadServedModel(home)], folders: [modelFolderOf(home)], trustedKeys: trustedKeysOf(home) });
    const report = await replayPrediction({ ...core, tenant, engine, explainer, findModel }, mintSystemPrincipal(`cli:${osUser()}`), id);
    console.log(report.text);
    for (const { what, recorded, rebuilt } of report.differences) console.log(`  ${what}: recorded ${recorded}, rebuilt ${rebuilt}`);
    process.exitCode = { identical: 0, differs: 1, 'not-replayable': 2 }[report.outcome];
  });
}
