/** Who there is and what there is to be allowed. Who may do what is decided by the policies (Cedar), not here. */
export const roles = ['clinician', 'integration-engineer', 'data-scientist', 'ml-engineer', 'privacy-officer', 'security-officer', 'auditor'] as const;
export type Role = (typeof roles)[number];

export const permissions = [
  'patient.read', 'patient.find', 'prediction.read', 'prediction.replay', 'alert.act', 'emergency.access',
  'feed.read', 'quarantine.read', 'quarantine.replay', 'model.read', 'lineage.read',
  'consent.read', 'consent.write', 'rights.manage', 'erasure.manage', 'erasure.approve', 'retention.manage', 'model.decide',
  'audit.read', 'audit.export', 'disclosure.read', 'review.manage', 'breach.investigate',
  'policy.read', 'evidence.read', 'agreement.manage', 'user.manage', 'client.manage', 'key.read', 'key.manage',
] as const;
export type Permission = (typeof permissions)[number];

export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  clinician: ['patient.read', 'patient.find', 'prediction.read', 'prediction.replay', 'alert.act', 'emergency.access', 'model.read', 'lineage.read', 'consent.read', 'consent.write'],
  'integration-engineer': ['feed.read', 'quarantine.read', 'quarantine.replay'],
  'data-scientist': ['model.read', 'lineage.read'],
  'ml-engineer': ['model.read', 'model.decide', 'feed.read', 'lineage.read'],
  'privacy-officer': [
    'patient.find', 'audit.read', 'audit.export', 'disclosure.read', 'review.manage', 'breach.investigate', 'consent.read', 'consent.write', 'rights.manage',
    'erasure.manage', 'erasure.approve', 'retention.manage', 'policy.read', 'evidence.read', 'agreement.manage', 'model.read', 'lineage.read',
  ],
  'security-officer': ['erasure.approve', 'user.manage', 'client.manage', 'key.read', 'key.manage', 'policy.read', 'evidence.read', 'breach.investigate', 'audit.read', 'audit.export', 'model.read'],
  auditor: ['audit.read', 'audit.export', 'policy.read', 'evidence.read', 'key.read', 'lineage.read', 'model.read'],
};

export function roleAllows(role: Role, permission: Permission): boolean {
  return rolePermissions[role].includes(permission);
}
