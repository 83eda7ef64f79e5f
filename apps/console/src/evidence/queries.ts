import { queryOptions } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';

export const evidenceQuery = queryOptions({ queryKey: ['evidence'], queryFn: ({ signal }) => callApi('evidence', {}, signal) });
export const agreementsQuery = queryOptions({ queryKey: ['agreements'], queryFn: ({ signal }) => callApi('agreements', {}, signal) });
export const residencyQuery = queryOptions({ queryKey: ['residency'], queryFn: ({ signal }) => callApi('residency', {}, signal) });
export const breachesQuery = queryOptions({ queryKey: ['breaches'], queryFn: ({ signal }) => callApi('breaches', {}, signal) });
export const breachQuery = (id: string) => queryOptions({ queryKey: ['breaches', id], queryFn: ({ signal }) => callApi('breach', { params: { id } }, signal) });
