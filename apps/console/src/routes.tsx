import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { ApiFailure } from './api/failure.ts';
import { sessionQuery } from './api/queries.ts';
import { readAccessesSearch, readAuditSearch, readLineageSearch, readPolicySearch, readReviewsSearch, readSignInSearch, readStaySearch, readWorklistSearch } from './route-search.ts';
import { AppShell } from './shell/app-shell.tsx';
import { NothingHere, PageFailure } from './shell/page-failure.tsx';
import { landingFor } from './shell/places.ts';
import { SignInPage } from './sign-in/sign-in-page.tsx';
import { WorklistPage } from './worklist/worklist-page.tsx';

type RouterContext = { client: QueryClient };

const rootRoute = createRootRouteWithContext<RouterContext>()({ component: Outlet, notFoundComponent: NothingHere });

const signInRoute = createRoute({ getParentRoute: () => rootRoute, path: '/sign-in', validateSearch: readSignInSearch, component: SignInPage });

/** Everything beneath needs a session; without one it leads to sign-in and back. */
const signedInRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'signed-in',
  component: AppShell,
  async beforeLoad({ context, location }) {
    const session = await context.client.ensureQueryData(sessionQuery).catch((error: unknown) => {
      if (error instanceof ApiFailure && error.status === 401) throw redirect({ to: '/sign-in', search: { next: location.href } });
      throw error;
    });
    if (session.state !== 'full') throw redirect({ to: '/sign-in', search: { next: location.href } });
    return { session };
  },
});

const homeRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/',
  beforeLoad({ context }) {
    const landing = landingFor(context.session);
    if (landing !== null) throw redirect({ to: landing, replace: true });
  },
  component: NothingHere,
});

const worklistRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/worklist', validateSearch: readWorklistSearch, component: WorklistPage });

const stayRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/stays/$stayId',
  validateSearch: readStaySearch,
  component: lazyRouteComponent(() => import('./stay/stay-page.tsx'), 'StayPage'),
});

const feedsRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/feeds', component: lazyRouteComponent(() => import('./feeds/feeds-page.tsx'), 'FeedsPage') });
const devicesRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/devices', component: lazyRouteComponent(() => import('./devices/devices-page.tsx'), 'DevicesPage') });
const subscriptionsRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/subscriptions', component: lazyRouteComponent(() => import('./subscriptions/subscriptions-page.tsx'), 'SubscriptionsPage') });
const qualityRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/quality', component: lazyRouteComponent(() => import('./quality/quality-page.tsx'), 'QualityPage') });
const modelRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/model', component: lazyRouteComponent(() => import('./model/model-page.tsx'), 'ModelPage') });
const rightsRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/rights', component: lazyRouteComponent(() => import('./rights/rights-page.tsx'), 'RightsPage') });
const auditRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/audit',
  validateSearch: readAuditSearch,
  component: lazyRouteComponent(() => import('./audit/audit-page.tsx'), 'AuditPage'),
});

const policyRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/policy',
  validateSearch: readPolicySearch,
  component: lazyRouteComponent(() => import('./policy/policy-page.tsx'), 'PolicyPage'),
});
const evidenceRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/evidence', component: lazyRouteComponent(() => import('./evidence/evidence-page.tsx'), 'EvidencePage') });
const lineageRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/lineage',
  validateSearch: readLineageSearch,
  component: lazyRouteComponent(() => import('./lineage/lineage-page.tsx'), 'LineagePage'),
});

const reviewsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/reviews',
  validateSearch: readReviewsSearch,
  component: lazyRouteComponent(() => import('./reviews/reviews-page.tsx'), 'ReviewsPage'),
});
const accessesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/accesses',
  validateSearch: readAccessesSearch,
  component: lazyRouteComponent(() => import('./accesses/accesses-page.tsx'), 'AccessesPage'),
});

const accountRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/account', component: lazyRouteComponent(() => import('./account/account-page.tsx'), 'AccountPage') });
const appsRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/apps', component: lazyRouteComponent(() => import('./apps/apps-page.tsx'), 'AppsPage') });
const authorizeRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/authorize/$uid', component: lazyRouteComponent(() => import('./authorize/authorize-page.tsx'), 'AuthorizePage') });
const usersRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/users', component: lazyRouteComponent(() => import('./users/users-page.tsx'), 'UsersPage') });

const routeTree = rootRoute.addChildren([
  signInRoute,
  signedInRoute.addChildren([homeRoute, accountRoute, usersRoute, worklistRoute, stayRoute, feedsRoute, qualityRoute, devicesRoute, subscriptionsRoute, modelRoute, rightsRoute, auditRoute, policyRoute, evidenceRoute, lineageRoute, reviewsRoute, accessesRoute, appsRoute, authorizeRoute]),
]);

export function makeRouter(client: QueryClient) {
  return createRouter({ routeTree, context: { client }, defaultPreload: 'intent', defaultErrorComponent: PageFailure, defaultPreloadDelay: 80 });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
