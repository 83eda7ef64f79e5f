import { queryOptions } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';

/** The server says when the queue changed; asked for again now and then, since an item can grow overdue by itself. */
export const reviewsQuery = (which: 'undecided' | 'decided') => queryOptions({
  queryKey: ['reviews', which],
  queryFn: ({ signal }) => callApi('reviews', { query: { which } }, signal),
  refetchInterval: 60_000,
});

/** Looking at an item shows a patient and is on the audit log: loaded when opened or changed, not by the clock. */
export const reviewQuery = (id: string) => queryOptions({
  queryKey: ['review', id],
  queryFn: ({ signal }) => callApi('review', { params: { id } }, signal),
  staleTime: 60_000,
  refetchOnWindowFocus: false,
});
