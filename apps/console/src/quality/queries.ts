import { queryOptions } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';

/** The server says when a feed fell silent or a message was held; scores move by themselves. */
export const qualityQuery = queryOptions({
  queryKey: ['feeds', 'quality'],
  queryFn: ({ signal }) => callApi('quality', {}, signal),
  refetchInterval: 30_000,
});
