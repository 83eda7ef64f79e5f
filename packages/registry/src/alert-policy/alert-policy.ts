import { createHash } from 'node:crypto';
import { canonicalJson, jsonShape } from '@primum/base';
import type { Tier } from '@primum/contract';

/**
 * When a score becomes an alert: a versioned object of its own beside the model (`alert-policy.json`), accepted on
 * alerts per 100 patient-days, PPV, sensitivity and lead time, and named by its digest in every prediction record.
 */
export type AlertPolicy = {
  id: string;
  version: string;
  title: string;
  /** Rising order. A tier is entered at `raiseAt` and left below `clearBelow` (probabilities, clearBelow < raiseAt). */
  tiers: readonly AlertTier[];
  /** After a notification, none of the same or a lower tier for this long. */
  minRealertMinutes: number;
  maxSnoozeMinutes: number;
  /** SHA-256, hex, of the canonical JSON of the file. */
  digest: string;
};

export type AlertTier = { tier: Exclude<Tier, 'none'>; raiseAt: number; clearBelow: number };

const { object, list, text, number, oneOf, invalid } = jsonShape('model.package-invalid');

/** Reads `alert-policy.json`; throws `model.package-invalid` with the place of the first mistake. */
export function parseAlertPolicy(json: unknown): AlertPolicy {
  const root = object(json, 'alert policy');
  const tiers = list(root['tiers'], 'tiers').map((item, index): AlertTier => {
    const at = `tiers[${index}]`;
    const tier = object(item, at);
    return {
      tier: oneOf(tier['tier'], ['watch', 'high'], `${at}.tier`),
      raiseAt: number(tier['raiseAt'], `${at}.raiseAt`),
      clearBelow: number(tier['clearBelow'], `${at}.clearBelow`),
    };
  });
  if (tiers.length !== 2 || tiers[0]!.tier !== 'watch' || tiers[1]!.tier !== 'high') throw invalid('tiers must be watch, high');
  const [watch, high] = tiers as [AlertTier, AlertTier]; // two, checked above
  for (const { tier, raiseAt, clearBelow } of tiers) {
    if (!(clearBelow > 0 && clearBelow < raiseAt && raiseAt < 1)) throw invalid(`${tier}: 0 < clearBelow < raiseAt < 1`);
  }
  if (!(watch.raiseAt < high.raiseAt && watch.clearBelow < high.clearBelow)) throw invalid('tiers must rise');
  const minutes = (name: string, least: number, most: number): number => {
    const value = number(root[name], name);
    if (value < least || value > most) throw invalid(`${name} must be from ${least} to ${most}`);
    return value;
  };
  return {
    id: text(root['id'], 'id'),
    version: text(root['version'], 'version'),
    title: text(root['title'], 'title'),
    tiers,
    minRealertMinutes: minutes('minRealertMinutes', 0, 1_440),
    maxSnoozeMinutes: minutes('maxSnoozeMinutes', 1, 240),
    digest: createHash('sha256').update(canonicalJson(json)).digest('hex'),
  };
}
