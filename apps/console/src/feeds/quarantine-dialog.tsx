import { Button, Group, Modal, Stack } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';
import { feedsQuery, quarantinedQuery } from '../api/queries.ts';
import { useMay } from '../shell/use-session.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import styles from './feeds.module.css';

/** One message in quarantine, segment by segment as it came, and its replay after the cause was mended. */
export function QuarantineDialog({ id, onClose }: { id: string; onClose: () => void }) {
  useReturnFocus();
  const client = useQueryClient();
  const mayReplay = useMay('quarantine.replay');
  const { data, error } = useQuery(quarantinedQuery(id));
  const replay = useMutation({
    mutationFn: () => callApi('replayMessage', { params: { id } }),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: feedsQuery.queryKey }),
  });
  return (
    <Modal opened onClose={onClose} size="xl" title={data === undefined ? 'Message in quarantine' : `${data.type} ${data.controlId}, received ${dateTimeText(data.receivedAt)}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="sm">
        {error !== null && <FailureNote error={error} />}
        {data !== undefined && (
          <>
            <div><span className="mono">{data.code}</span> {data.detail}<br /><span className="quiet">{data.action}</span></div>
            {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
            <pre className={styles['message']} tabIndex={0} aria-label="Message">{data.text.replaceAll('\r\n', '\n').replaceAll('\r', '\n')}</pre>
          </>
        )}
        {replay.isError && <FailureNote error={replay.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>Close</Button>
          {mayReplay && <Button loading={replay.isPending} onClick={() => replay.mutate()}>Replay this message</Button>}
        </Group>
      </Stack>
    </Modal>
  );
}
