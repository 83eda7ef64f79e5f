import { queryOptions } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';

export const clientsQuery = queryOptions({ queryKey: ['clients'], queryFn: ({ signal }) => callApi('clients', {}, signal) });
