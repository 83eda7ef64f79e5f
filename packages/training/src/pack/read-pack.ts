import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PrimumError, jsonShape } from '@primum/base';
import { parseCodeTable, parseFeatureSet, type CodeTable, type FeatureSet } from '@primum/datasets';
import { parseAlertPolicy, type AlertPolicy } from '@primum/registry';
import { gbdtConfig, type GbdtConfig } from '../gbdt/gbdt-config.ts';

/** A use case as data, before it is trained. `files` holds the text of what goes into a package unchanged. */
export type Pack = {
  id: string;
  version: string;
  title: string;
  featureSet: FeatureSet;
  codes: CodeTable;
  alertPolicy: AlertPolicy;
  folds: number;
  gbdt: GbdtConfig;
  files: { 'features.json': string; 'codes.json': string; 'alert-policy.json': string };
  /** Text of the model card, with `{{name}}` where a table goes. */
  cardTemplate: string;
};

const { object, text, number } = jsonShape('config.invalid');

/** Reads a pack's folder; throws `config.invalid` or `features.invalid` with the file and place of the first mistake. */
export async function readPack(dir: string): Promise<Pack> {
  const [pack, trainer, features, codes, policy, cardTemplate] = await Promise.all(
    ['pack.json', 'trainer.json', 'features.json', 'codes.json', 'alert-policy.json', 'card.md'].map((name) => readText(dir, name)),
  ) as [string, string, string, string, string, string]; // one per name
  const about = object(parse(pack, 'pack.json'), 'pack.json');
  const training = object(parse(trainer, 'trainer.json'), 'trainer.json');
  const folds = number(training['folds'], 'trainer.json folds');
  if (!Number.isInteger(folds) || folds < 2 || folds > 20) throw new PrimumError('config.invalid', 'trainer.json folds must be from 2 to 20');
  return {
    id: text(about['id'], 'pack.json id'),
    version: text(about['version'], 'pack.json version'),
    title: text(about['title'], 'pack.json title'),
    featureSet: parseFeatureSet(parse(features, 'features.json')),
    codes: parseCodeTable(parse(codes, 'codes.json')),
    alertPolicy: parseAlertPolicy(parse(policy, 'alert-policy.json')),
    folds,
    gbdt: gbdtConfig(object(training['gbdt'], 'trainer.json gbdt')),
    files: { 'features.json': features, 'codes.json': codes, 'alert-policy.json': policy },
    cardTemplate,
  };
}

async function readText(dir: string, name: string): Promise<string> {
  try {
    return await readFile(join(dir, name), 'utf8');
  } catch (error) {
    throw new PrimumError('config.invalid', `the pack has no readable ${name}`, { cause: error });
  }
}

function parse(content: string, name: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new PrimumError('config.invalid', `${name} is not JSON`);
  }
}
