import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { AlertView } from '@primum/contract';

/** Carries out one change of an alert; whatever came of it, the pages that show the alert load again. */
export function useAlertChange(change: () => Promise<AlertView>, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: onDone,
    onSettled: () => Promise.all(['worklist', 'stay', 'notices'].map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}
