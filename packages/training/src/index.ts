export { trainGbdt, trainGbdtBinned, type GbdtTrainingInput, type BinnedTrainingInput, type LabelledRows, type GbdtResult } from './gbdt/train-gbdt.ts';
export { binDataset, type BinDatasetInput } from './gbdt/bin-dataset.ts';
export type { BinnedDataset } from './gbdt/binned-dataset.ts';
export { gbdtConfig, type GbdtConfig } from './gbdt/gbdt-config.ts';
export type { GbdtRound } from './gbdt/boost.ts';
