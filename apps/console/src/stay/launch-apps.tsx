import { Button } from '@mantine/core';
import { queryOptions, useMutation, useQuery } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';

const launchableQuery = queryOptions({ queryKey: ['launchable-apps'], queryFn: ({ signal }) => callApi('launchableApps', {}, signal), staleTime: 60_000 });

/** Registered apps that open on this patient, each in a window of its own. */
export function LaunchApps({ stayId }: { stayId: string }) {
  const { data = [] } = useQuery(launchableQuery);
  const launch = useMutation({
    mutationFn: (clientId: string) => callApi('launchApp', { body: { clientId, stayId } }),
    onSuccess: ({ url }) => window.open(url, '_blank', 'noopener'),
  });
  return (
    <>
      {data.map(({ id, name }) => <Button key={id} variant="default" size="compact-xs" loading={launch.isPending && launch.variables === id} onClick={() => launch.mutate(id)}>Open in {name}</Button>)}
      {launch.isError && <FailureNote error={launch.error} title="The app was not opened" />}
    </>
  );
}
