import { actionWords, purposeWords, routes, type Account, type AccountEntry } from '@primum/contract';
import { Button, Group, SegmentedControl } from '@mantine/core';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { addressOf, callApi } from '../api/client.ts';
import type { AccessesSearch } from '../route-search.ts';
import { useMay } from '../shell/use-session.ts';
import { timeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { FindPatient } from './find-patient.tsx';

const day = (instant: string): string => instant.slice(0, 10);
const purposeText = (code: string): string => (purposeWords as Readonly<Record<string, string | undefined>>)[code] ?? code; // an older log may hold other codes
const spanText = (from: string, to: string): string => (from === to ? from : `${from} to ${to}`);
const columns: Columns<AccountEntry> = [
  { id: 'day', header: 'Day (UTC)', cell: ({ row }) => day(row.original.firstAt) },
  { id: 'time', header: 'Time', cell: ({ row }) => spanText(timeText(row.original.firstAt), timeText(row.original.lastAt)) },
  { id: 'times', header: 'Times', cell: ({ row }) => row.original.times },
  { id: 'who', header: 'Who', cell: ({ row }) => <>{row.original.who} <span className="quiet">{row.original.role?.replaceAll('-', ' ') ?? row.original.actor.split(':')[0]}</span></> },
  { id: 'what', header: 'What', cell: ({ row }) => actionWords(row.original.action) },
  { id: 'purpose', header: 'For', cell: ({ row }) => purposeText(row.original.purpose) },
  { id: 'outcome', header: 'Outcome', cell: ({ row }) => (row.original.outcome === 'success' ? 'done' : 'refused or failed') },
];

const accountQuery = (id: string, kind: Account['kind']) => queryOptions({
  queryKey: ['account', id, kind],
  queryFn: ({ signal }) => callApi('disclosures', { params: { id }, query: { kind } }, signal),
  refetchOnWindowFocus: false, // each look is on the audit log
  staleTime: 60_000,
});

/** "Who saw this patient?" for the privacy office and auditors, and the account of disclosures that a patient may ask for. */
export function AccessesPage() {
  const { patientId } = useSearch({ from: '/signed-in/accesses' });
  const navigate = useNavigate({ from: '/accesses' });
  return (
    <div style={{ padding: '10px 12px 24px', display: 'grid', gap: 8 }}>
      <h1>Who saw whom</h1>
      <FindPatient onFound={(found) => void navigate({ search: found === null ? {} : { patientId: found.patientId } })} />
      {patientId !== undefined && <AccountPanel key={patientId} patientId={patientId} />}
    </div>
  );
}

function AccountPanel({ patientId }: { patientId: string }) {
  const { kind = 'accesses' } = useSearch({ from: '/signed-in/accesses' });
  const navigate = useNavigate({ from: '/accesses' });
  const mayDisclosures = useMay('disclosure.read');
  const { data, error } = useQuery(accountQuery(patientId, kind));
  const fileAt = (format: 'csv' | 'html'): string => addressOf(routes.disclosures.path, { id: patientId }, { kind, format });
  return (
    <section className="panel" style={{ overflowX: 'auto' }}>
      {data !== undefined && <h2>{patientText(data)}</h2>}
      <Group gap="sm" my={6}>
        {mayDisclosures && (
          <SegmentedControl
            size="xs" value={kind} aria-label="Which account" data={[{ value: 'accesses', label: 'All looks' }, { value: 'disclosures', label: 'Disclosures to account for' }]}
            onChange={(chosen) => void navigate({ search: (before: AccessesSearch) => ({ ...before, kind: chosen === 'disclosures' ? 'disclosures' : 'accesses' }) })}
          />
        )}
        <Button component="a" variant="default" size="compact-xs" href={fileAt('html')} target="_blank" rel="noreferrer">Page to print</Button>
        <Button component="a" variant="default" size="compact-xs" href={fileAt('csv')}>CSV</Button>
      </Group>
      {error !== null && <FailureNote error={error} title="The account could not be made" />}
      {data === undefined && error === null && <p>Reading the audit log …</p>}
      {data?.truncated === true && <p><strong>More than fits: the oldest are shown.</strong></p>}
      {data !== undefined && <DataTable caption={captionOf(data)} columns={columns} rows={data.entries} rowId={({ firstAt, actor, action, purpose, outcome }) => `${firstAt} ${actor} ${action} ${purpose} ${outcome}`} empty={kind === 'disclosures' ? 'Nothing was disclosed that has to be accounted for.' : 'Nobody has looked.'} />}
    </section>
  );
}

function captionOf({ kind, from, to }: Account): string {
  const span = `${day(from)} to ${day(to)}, oldest first, summed up by day.`;
  return kind === 'disclosures' ? `Without treatment, the hospital’s own operations and what the patient asked for (45 CFR 164.528). ${span}` : `Every look that the audit log holds. ${span}`;
}

function patientText({ patient }: Account): string {
  return patient.name === null ? `Record ${patient.patientId}` : `${patient.name}, born ${patient.birthDate ?? '?'}, number ${patient.mrn ?? '?'}`;
}
