/** Who may do what. A role without a permission is denied; there is no wildcard. */
export const roles = ['clinician', 'integration-engineer', 'data-scientist', 'ml-engineer', 'privacy-officer', 'auditor'] as const;
export type Role = (typeof roles)[number];

export const permissions = [
  'patient.read', 'prediction.read', 'prediction.replay', 'alert.act',
  'feed.read', 'quarantine.read', 'quarantine.replay', 'model.read', 'audit.read',
] as const;
export type Permission = (typeof permissions)[number];

export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  clinician: ['patient.read', 'prediction.read', 'prediction.replay', 'alert.act', 'model.read'],
  'integration-engineer': ['feed.read', 'quarantine.read', 'quarantine.replay'],
  'data-scientist': ['model.read'],
  'ml-engineer': ['model.read', 'feed.read'],
  'privacy-officer': ['audit.read', 'model.read'],
  auditor: ['audit.read', 'model.read'],
};

export function roleAllows(role: Role, permission: Permission): boolean {
  return rolePermissions[role].includes(permission);
}
