export type { KeyScope, IndexKind, SealedKind } from './keys/key-scope.ts';
export { openKeys, type Keys, type KeysOptions } from './keys/keys.ts';
export { sealedKeyOf } from './keys/sealed-format.ts';
export { blindToken } from './keys/blind-token.ts';
export { intakeEpochOf, reseal, retireIntakeEpochs } from './keys/intake-epochs.ts';
export {
  actorOf, isPurpose, mintSystemPrincipal, userPrincipal,
  type Authority, type ClientPrincipal, type Principal, type Purpose, type SystemName, type SystemPrincipal, type UserPrincipal,
} from './access/principal.ts';
export { createPolicy, permittedTo, type Decision, type PatientFacts, type Policy, type PolicyOptions, type PolicyRequest, type ReadPatientFacts } from './policy/policy.ts';
export type { FilterPlace, RowFilter } from './policy/row-filter.ts';
export { parseScope, type Interaction } from './policy/within-scopes.ts';
export { requirePermission } from './access/require-permission.ts';
export type { PhiScope, PhiUse } from './access/phi-uses.ts';
export { withPhiReader, type PhiReader, type PhiReaderDeps, type PhiReadRequest } from './access/phi-reader.ts';
export { withPhiWriter, type PhiWriter, type PhiWriterDeps, type PhiWriteRequest } from './access/phi-writer.ts';
export { createAudit, type Audit } from './audit/audit.ts';
export type { AuditActor, AuditEntity, AuditInput, AuditOutcome } from './audit/audit-event.ts';
export { createIdentity, type Identity, type IdentityDeps, type SeededUser, type SignIn } from './identity/identity.ts';
export type { Session } from './identity/sessions.ts';
export { searchAudit, type AuditQuery, type AuditRecord } from './audit/search-audit.ts';
export { verifyAuditLeaves, type AuditVerification } from './audit/verify-audit.ts';
export { openReview, type NewReview } from './reviews/open-review.ts';
export { countReviews, decideReview, findReview, listReviews, type ReviewItem } from './reviews/review-queue.ts';
export { accountOfDisclosures, type AccountQuery } from './reviews/account-of-disclosures.ts';
export { startSnoopingDetector, type SnoopingDeps } from './reviews/snooping.ts';
export { parseSnoopingRules, type SnoopingRules } from './reviews/snooping-rules.ts';
export type { CareUnits, StaffLinks } from './reviews/looks-context.ts';
export type { Household, Households } from './reviews/household-tokens.ts';
export { createBackupKey, openBackupKey } from './backup/backup-key.ts';
export { openStream, sealStream } from './backup/sealed-stream.ts';
export { countPersonalData, personalTables, removePersonalData, type PersonalData, type RowCounts } from './rights/personal-data.ts';
export { trustPersonalData } from './rights/trust-personal-data.ts';
export { parseRetentionSchedule, type ClassRetention, type RetentionSchedule } from './rights/retention-schedule.ts';
export { heldClasses, isHeld, listHolds, placeHold, releaseHold, type Hold } from './rights/legal-holds.ts';
export { receiptFormat, receiptKeyId, signReceipt, verifyReceipt } from './rights/receipt.ts';
export { erasedPatientOf } from './rights/erased.ts';
export { addAgreement, coverFlows, endAgreement, listAgreements, type Flow } from './evidence/agreements.ts';
export { listBreaches, openBreach, readBreach, stepBreach, type BreachDeps } from './evidence/breach.ts';
