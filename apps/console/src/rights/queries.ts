import { queryOptions } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';

export const subjectQuery = (patientId: string) => queryOptions({
  queryKey: ['rights', 'subject', patientId],
  queryFn: ({ signal }) => callApi('subject', { params: { patientId } }, signal),
});
export const erasuresQuery = queryOptions({ queryKey: ['rights', 'erasures'], queryFn: ({ signal }) => callApi('erasures', {}, signal) });
export const holdsQuery = queryOptions({ queryKey: ['rights', 'holds'], queryFn: ({ signal }) => callApi('holds', {}, signal) });
export const retentionQuery = queryOptions({ queryKey: ['rights', 'retention'], queryFn: ({ signal }) => callApi('retention', {}, signal) });
export const modelDecisionsQuery = queryOptions({ queryKey: ['rights', 'model-decisions'], queryFn: ({ signal }) => callApi('modelDecisions', {}, signal) });
