import type { Permission, Role, SessionView } from '@primum/contract';

/** The console's rooms, each with the permission that its main operation needs. */
export const places = [
  { to: '/worklist', label: 'Worklist', needs: 'patient.read' },
  { to: '/feeds', label: 'Feeds', needs: 'feed.read' },
  { to: '/devices', label: 'Devices', needs: 'feed.read' },
  { to: '/subscriptions', label: 'Subscriptions', needs: 'feed.read' },
  { to: '/quality', label: 'Data quality', needs: 'feed.read' },
  { to: '/model', label: 'Model', needs: 'model.read' },
  { to: '/rights', label: 'Rights', needs: 'erasure.approve' },
  { to: '/reviews', label: 'Reviews', needs: 'review.manage' },
  { to: '/accesses', label: 'Who saw whom', needs: 'audit.read' },
  { to: '/audit', label: 'Audit', needs: 'audit.read' },
  { to: '/lineage', label: 'Lineage', needs: 'lineage.read' },
  { to: '/policy', label: 'Policy', needs: 'policy.read' },
  { to: '/evidence', label: 'Evidence', needs: 'evidence.read' },
  { to: '/users', label: 'Users', needs: 'user.manage' },
  { to: '/apps', label: 'Apps', needs: 'client.manage' },
] as const satisfies readonly { to: string; label: string; needs: Permission }[];

export type Place = (typeof places)[number];

export function placesFor(session: Pick<SessionView, 'permissions'>): Place[] {
  return places.filter(({ needs }) => session.permissions.includes(needs));
}

/** Where each role's work starts. */
const startOf: Record<Role, Place['to']> = {
  clinician: '/worklist',
  'integration-engineer': '/feeds',
  'data-scientist': '/model',
  'ml-engineer': '/model',
  'privacy-officer': '/reviews',
  'security-officer': '/users',
  auditor: '/audit',
};

/** The page after sign-in: the role's own where it may be seen, else the first that may. */
export function landingFor(session: Pick<SessionView, 'role' | 'permissions'>): Place['to'] | null {
  const allowed = placesFor(session).map(({ to }) => to);
  return allowed.find((to) => to === startOf[session.role]) ?? allowed[0] ?? null;
}
