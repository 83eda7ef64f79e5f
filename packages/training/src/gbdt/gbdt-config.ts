import { PrimumError } from '@primum/base';

/** How a forest is grown. Rates are fractions in (0, 1]; hessians are in units of row weight × p(1 − p). */
export type GbdtConfig = {
  /** Most trees; early stopping may end sooner. */
  trees: number;
  maxLeaves: number;
  /** Levels of splits; 0 means no limit. */
  maxDepth: number;
  learningRate: number;
  /** L2 penalty on leaf values. */
  l2: number;
  /** Least sum of hessians in a leaf. */
  minChildWeight: number;
  /** Least gain of a split, in units of log-loss × weight. */
  minGain: number;
  /** Columns that a tree may use, drawn anew per tree. */
  featureFraction: number;
  /** Rows that a tree is grown on, drawn without replacement per tree. */
  baggingFraction: number;
  /** Factor on the weight of positive rows. Anything but 1 distorts calibration. */
  positiveWeight: number;
  /** Trees without improvement on the validation rows after which training ends; 0 means never. */
  earlyStoppingRounds: number;
  earlyStoppingMetric: 'logloss' | 'auroc';
  seed: number;
};

const defaults: GbdtConfig = {
  trees: 150,
  maxLeaves: 31,
  maxDepth: 0,
  learningRate: 0.1,
  l2: 1,
  minChildWeight: 1,
  minGain: 0,
  featureFraction: 1,
  baggingFraction: 1,
  positiveWeight: 1,
  earlyStoppingRounds: 0,
  earlyStoppingMetric: 'logloss',
  seed: 1,
};

/** Bounds per setting, both ends included. */
const bounds: Record<Exclude<keyof GbdtConfig, 'earlyStoppingMetric'>, [number, number, 'integer' | 'real']> = {
  trees: [1, 10_000, 'integer'],
  maxLeaves: [2, 1_024, 'integer'],
  maxDepth: [0, 64, 'integer'],
  learningRate: [1e-6, 1, 'real'],
  l2: [0, 1e9, 'real'],
  minChildWeight: [0, 1e9, 'real'],
  minGain: [0, 1e9, 'real'],
  featureFraction: [1e-6, 1, 'real'],
  baggingFraction: [1e-6, 1, 'real'],
  positiveWeight: [1e-6, 1e6, 'real'],
  earlyStoppingRounds: [0, 10_000, 'integer'],
  seed: [0, 0xffff_ffff, 'integer'],
};

/** Fills in defaults and checks bounds. Throws `config.invalid` naming the setting. */
export function gbdtConfig(config: Partial<GbdtConfig> = {}): GbdtConfig {
  const full = { ...defaults, ...config };
  for (const [name, [least, most, kind]] of Object.entries(bounds)) {
    const value = full[name as keyof typeof bounds]; // Object.entries widens its keys to string
    if (!(value >= least && value <= most) || (kind === 'integer' && !Number.isInteger(value))) {
      throw new PrimumError('config.invalid', `gbdt ${name} must be ${kind} from ${least} to ${most}`);
    }
  }
  return full;
}
