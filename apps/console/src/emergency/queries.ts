import { queryOptions } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';

/** One's own emergency accesses that are open. */
export const emergenciesQuery = queryOptions({
  queryKey: ['emergencies'],
  queryFn: ({ signal }) => callApi('emergencies', {}, signal),
  refetchInterval: 30_000,
});
