import type { Permission, SessionView } from '@primum/contract';
import { useRouteContext } from '@tanstack/react-router';

/** Who is signed in; only beneath the signed-in route. */
export function useSession(): SessionView {
  return useRouteContext({ from: '/signed-in', select: ({ session }) => session });
}

export function useMay(permission: Permission): boolean {
  return useSession().permissions.includes(permission);
}
