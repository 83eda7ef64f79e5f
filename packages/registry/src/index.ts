export { parseAlertPolicy, type AlertPolicy, type AlertTier } from './alert-policy/alert-policy.ts';
export {
  stepAlerts, nextTier, noAlerts, notifies, type AlertInput, type AlertEvent, type StayAlerts, type LiveAlert,
} from './alert-policy/step-alerts.ts';
export { packageFiles, type Manifest, type PackageFile } from './package/manifest.ts';
export { parseTrustedKeys, signingKeyAt, trustedKeyOf, type TrustedKey } from './package/signing.ts';
export { trainingStaysJson, isTrainingStay, type TrainingStays } from './package/training-stays.ts';
export { writePackage, type PackageContent } from './package/write-package.ts';
export { loadPackage, type ModelPackage } from './package/load-package.ts';
export { codeDigest } from './package/code-digest.ts';
