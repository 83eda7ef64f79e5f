import type { SourceCoverage } from '@primum/contract';
import { Modal, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { coverageQuery } from '../api/queries.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';

type Field = SourceCoverage['fields'][number];

const columns: Columns<Field> = [
  { id: 'field', header: 'Field', cell: ({ row }) => <strong className="mono">{row.original.segment}-{row.original.field}</strong> },
  { id: 'sent', header: 'Sent', cell: ({ row }) => row.original.valued },
  { id: 'lost', header: 'Lost', cell: ({ row }) => (row.original.dropped === 0 ? '—' : row.original.dropped) },
  { id: 'components', header: 'Components lost', cell: ({ row }) => row.original.components.map(({ place, times }) => `.${place} × ${times}`).join(', ') || '—' },
];

/** Which fields of a sender's newest messages no mapping takes: numbers only, no patient's value. */
export function CoverageDialog({ source, onClose }: { source: string; onClose: () => void }) {
  useReturnFocus();
  const { data, error } = useQuery(coverageQuery(source));
  const lost = data?.fields.filter(({ dropped, components }) => dropped > 0 || components.length > 0) ?? [];
  return (
    <Modal opened onClose={onClose} size="lg" title={`Fields of ${source} that are lost`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="sm">
        {error !== null && <FailureNote error={error} />}
        {data === undefined && error === null && <div>Reading the newest messages …</div>}
        {data !== undefined && (
          <>
            <div>
              {data.from === null || data.to === null ? 'No message of this source is kept.' : `${data.messages} messages, ${dateTimeText(data.from)} to ${dateTimeText(data.to)}; ${data.fields.length - lost.length} of ${data.fields.length} fields are mapped whole.`}
              {data.unread > 0 && <span className="quiet"> {data.unread} could not be read, or are archived.</span>}
            </div>
            <DataTable caption="What no mapping takes, most often lost first; the messages themselves are kept whole" columns={columns} rows={lost} rowId={({ segment, field }) => `${segment}-${field}`} empty="Nothing is lost." />
          </>
        )}
      </Stack>
    </Modal>
  );
}
