import { useMutation, useQueryClient } from '@tanstack/react-query';

/** A change of anything on the Rights page: what is shown is loaded again, whether it went through or not. */
export function useRightsChange<Input = void>(change: (input: Input) => Promise<unknown>, onDone?: () => void) {
  const client = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => onDone?.(), onSettled: () => client.invalidateQueries({ queryKey: ['rights'] }) });
}
