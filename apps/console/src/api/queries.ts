import { MutationCache, QueryCache, QueryClient, queryOptions } from '@tanstack/react-query';
import { callApi } from './client.ts';
import { ApiFailure } from './failure.ts';

/** Ages and staleness move with the ward's clock even where no event comes, so what is on screen is asked for again. */
const wardRefreshMs = 30_000;

/** Whether a change was refused until the person proves anew who they are: opens the dialog that asks. */
export const stepUpQuery = queryOptions({ queryKey: ['step-up'], queryFn: () => false, initialData: false, staleTime: Infinity, enabled: false });

/** `onSignedOut` is called when any answer says that the session is gone. */
export function makeQueryClient(onSignedOut: () => void): QueryClient {
  const client: QueryClient = new QueryClient({
    mutationCache: new MutationCache({
      onError(error) {
        if (error instanceof ApiFailure && error.code === 'auth.fresh-factor-needed') client.setQueryData(stepUpQuery.queryKey, true);
      },
    }),
    queryCache: new QueryCache({
      onError(error, query) {
        if (error instanceof ApiFailure && error.status === 401 && query.queryKey[0] !== 'session') onSignedOut();
      },
    }),
    defaultOptions: {
      queries: {
        // A lost connection is shown by age, not by pausing: the query runs, fails and says so.
        networkMode: 'always',
        retry: (count, error) => count < 2 && (!(error instanceof ApiFailure) || error.status === 0 || error.status >= 500),
        retryDelay: (attempt) => Math.min(1000 * 2 ** attempt, 5000),
        staleTime: 5_000,
        refetchOnWindowFocus: true,
      },
      mutations: { networkMode: 'always' },
    },
  });
  return client;
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => callApi('getSession', {}, signal),
  staleTime: 60_000,
});

export const worklistQuery = (site: string | undefined) => queryOptions({
  queryKey: ['worklist', site ?? ''],
  queryFn: ({ signal }) => callApi('worklist', site === undefined ? {} : { query: { site } }, signal),
  refetchInterval: wardRefreshMs,
});

/** Null: no unit of one's own treats this patient. An answer and no failure, so that what is typed there outlives a refetch. */
export const stayQuery = (stayId: string, hours: number) => queryOptions({
  queryKey: ['stay', stayId, hours],
  queryFn: ({ signal }) => callApi('stay', { params: { stayId }, query: { hours } }, signal).catch((error: unknown) => {
    if (error instanceof ApiFailure && error.code === 'auth.no-care-relationship') return null;
    throw error;
  }),
  refetchInterval: wardRefreshMs,
});

export const predictionQuery = (id: string) => queryOptions({
  queryKey: ['prediction', id],
  queryFn: ({ signal }) => callApi('prediction', { params: { id } }, signal),
  staleTime: Infinity, // a prediction record never changes
});

export const noticesQuery = queryOptions({
  queryKey: ['notices'],
  queryFn: ({ signal }) => callApi('notices', {}, signal),
  refetchInterval: wardRefreshMs,
});

export const feedsQuery = queryOptions({
  queryKey: ['feeds'],
  queryFn: ({ signal }) => callApi('feeds', {}, signal),
  refetchInterval: wardRefreshMs,
});

export const destinationsQuery = queryOptions({
  queryKey: ['destinations'],
  queryFn: ({ signal }) => callApi('destinations', {}, signal),
  refetchInterval: wardRefreshMs,
});

export const coverageQuery = (source: string) => queryOptions({
  queryKey: ['coverage', source],
  queryFn: ({ signal }) => callApi('sourceCoverage', { query: { source } }, signal),
  staleTime: 60_000,
});

export const devicesQuery = queryOptions({
  queryKey: ['devices'],
  queryFn: ({ signal }) => callApi('devices', {}, signal),
  refetchInterval: wardRefreshMs,
});

export const subscriptionsQuery = queryOptions({
  queryKey: ['subscriptions'],
  queryFn: ({ signal }) => callApi('subscriptions', {}, signal),
  refetchInterval: wardRefreshMs,
});

export const quarantinedQuery = (id: string) => queryOptions({
  queryKey: ['quarantined', id],
  queryFn: ({ signal }) => callApi('quarantined', { params: { id } }, signal),
});

export const modelQuery = queryOptions({
  queryKey: ['model'],
  queryFn: ({ signal }) => callApi('model', {}, signal),
  staleTime: 60_000,
});

export const accountQuery = queryOptions({ queryKey: ['account'], queryFn: ({ signal }) => callApi('account', {}, signal) });

export const usersQuery = queryOptions({ queryKey: ['users'], queryFn: ({ signal }) => callApi('users', {}, signal) });
