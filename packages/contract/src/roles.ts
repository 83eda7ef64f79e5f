/** Who there is and what there is to be allowed. Who may do what is decided by the policies (Cedar), not here. */
export const roles = ['clinician', 'integration-engineer', 'data-scientist', 'ml-engineer', 'privacy-officer', 'security-officer', 'auditor'] as const;
export type Role = (typeof roles)[number];

export const permissions = [
  'patient.read', 'patient.find', 'prediction.read', 'prediction.replay', 'alert.act', 'emergency.access',
  'record.write', 'record.define', 'record.import', 'record.export', 'feed.manage',
  'feed.read', 'quarantine.read', 'quarantine.replay', 'model.read', 'lineage.read',
  'consent.read', 'consent.write', 'rights.manage', 'erasure.manage', 'erasure.approve', 'retention.manage', 'model.decide',
  'audit.read', 'audit.export', 'disclosure.read', 'review.manage', 'breach.investigate',
  'policy.read', 'evidence.read', 'agreement.manage', 'user.manage', 'client.manage', 'key.read', 'key.manage',
] as const;
export type Permission = (typeof permissions)[number];

/**
 * Why PHI is used: HL7 v3 PurposeOfUse (http://terminology.hl7.org/CodeSystem/v3-ActReason). TREAT treatment, HOPERAT
 * running the service, HSYSADMIN administering the system, HQUALIMP replaying, measuring, improving, HCOMPL auditing,
 * HRESCH research, PUBHLTH public health reporting, PATRQT the patient asked, BTG break the glass.
 */
export const purposes = ['TREAT', 'HOPERAT', 'HSYSADMIN', 'HQUALIMP', 'HCOMPL', 'HRESCH', 'PUBHLTH', 'PATRQT', 'BTG'] as const;
export type Purpose = (typeof purposes)[number];

/** What a permission is used for where a request does not say. */
export const usualPurpose: Readonly<Record<Permission, Purpose>> = {
  'patient.read': 'TREAT', 'patient.find': 'TREAT', 'prediction.read': 'TREAT', 'prediction.replay': 'HQUALIMP', 'alert.act': 'TREAT', 'emergency.access': 'BTG',
  'record.write': 'TREAT', 'record.define': 'HOPERAT', 'record.import': 'HOPERAT', 'record.export': 'HOPERAT', 'feed.manage': 'HOPERAT',
  'feed.read': 'HOPERAT', 'quarantine.read': 'HOPERAT', 'quarantine.replay': 'HOPERAT', 'model.read': 'HOPERAT', 'lineage.read': 'HQUALIMP',
  'consent.read': 'PATRQT', 'consent.write': 'PATRQT', 'rights.manage': 'PATRQT', 'erasure.manage': 'PATRQT', 'erasure.approve': 'PATRQT', 'model.decide': 'HOPERAT', 'retention.manage': 'HCOMPL',
  'audit.read': 'HCOMPL', 'audit.export': 'HCOMPL', 'disclosure.read': 'HCOMPL', 'review.manage': 'HCOMPL', 'breach.investigate': 'HCOMPL',
  'policy.read': 'HCOMPL', 'evidence.read': 'HCOMPL', 'agreement.manage': 'HCOMPL', 'user.manage': 'HSYSADMIN', 'client.manage': 'HSYSADMIN', 'key.read': 'HSYSADMIN', 'key.manage': 'HSYSADMIN',
};
