import type { BreachHead, BreachReport, PatientLine } from '@primum/contract';
import { Button, Group, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { useMay } from '../shell/use-session.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './evidence.module.css';
import { clockText, stepsAfter, stepWords } from './evidence-words.ts';
import { breachesQuery, breachQuery } from './queries.ts';

const affectedColumns: Columns<BreachReport['affected'][number]> = [
  { id: 'patient', header: 'Patient', cell: ({ row }) => <span className="mono">{row.original.patientId}</span> },
  { id: 'times', header: 'Uses', cell: ({ row }) => row.original.times },
  { id: 'first', header: 'First (UTC)', cell: ({ row }) => dateTimeText(row.original.firstAt) },
  { id: 'last', header: 'Last (UTC)', cell: ({ row }) => dateTimeText(row.original.lastAt) },
  { id: 'what', header: 'What was seen', cell: ({ row }) => row.original.actions.join(', ') },
  { id: 'why', header: 'Purpose', cell: ({ row }) => row.original.purposes.join(', ') },
];

/** From a compromised account, client or key to the people affected, what was seen, and what is due when; also as a drill. */
export function BreachesPanel() {
  const { data, error } = useQuery(breachesQuery);
  const [chosen, setChosen] = useState<string | null>(null);
  if (data === undefined) return <section className="panel">{error === null ? 'Loading investigations …' : <FailureNote error={error} title="The investigations could not be loaded" />}</section>;
  return (
    <section className="panel">
      <h2>Breaches and drills</h2>
      <table className="data-table">
        <caption>Investigations, newest first</caption>
        <thead><tr><th scope="col">Subject</th><th scope="col">In question (UTC)</th><th scope="col">Discovered (UTC)</th><th scope="col">State</th></tr></thead>
        <tbody>
          {data.length === 0 && <tr><td colSpan={4} className="quiet">None. A drill once a year shows that the list of affected people can be had in time.</td></tr>}
          {data.map((one) => (
            <tr key={one.id} aria-current={one.id === chosen ? 'true' : undefined}>
              <th scope="row"><Button size="compact-xs" variant="default" onClick={() => setChosen(one.id)}>{subjectText(one)}</Button></th>
              <td>{dateTimeText(one.from)} to {dateTimeText(one.to)}</td><td>{dateTimeText(one.discoveredAt)}</td><td>{one.status}{one.drill ? ' (drill)' : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <OpenForm onOpened={setChosen} />
      {chosen !== null && <Investigation id={chosen} />}
    </section>
  );
}

const subjectText = ({ kind, subject }: BreachHead): string => `${kind} ${subject}`;

function Investigation({ id }: { id: string }) {
  const { data, error } = useQuery(breachQuery(id));
  if (data === undefined) return error === null ? <p>Loading …</p> : <FailureNote error={error} />;
  return (
    <article>
      <h3>{subjectText(data)}{data.drill ? ' — drill' : ''}: {data.affectedCount} {data.affectedCount === 1 ? 'person' : 'people'} affected</h3>
      <p>{data.reach}{data.status === 'opened' && data.kind !== 'key' ? ' To contain it, a security officer disables it under Users or Apps, which ends what is open within a second.' : ''}</p>
      <ul className={styles['clocks']}>
        {data.clocks.map((clock) => <li key={clock.source}><strong className={clock.hoursLeft < 0 ? styles['alarm'] : undefined}>{clockText(clock)}</strong> {clock.duty} <span className="quiet">({clock.source}, {dateTimeText(clock.due)} UTC)</span></li>)}
      </ul>
      <DataTable caption={data.truncated ? `The ${data.affected.length} most affected` : 'Who is affected, by pseudonym'} columns={affectedColumns} rows={data.affected} rowId={({ patientId }) => patientId} empty="No patient’s data were seen in this time." />
      {data.affectedCount > 0 && data.affected.length > 0 && <People id={id} />}
      <p className="quiet">All that was done: {data.actions.map(({ action, outcome, times }) => `${action} ${times}×${outcome === 'success' ? '' : ' refused'}`).join(', ') || 'nothing'}</p>
      <ol>{data.steps.map(({ n, event, at, actor, note }) => <li key={n}>{event} — {dateTimeText(at)} by {actor.replace('user:', '')}: {note}</li>)}</ol>
      <StepForm key={data.steps.length} report={data} />
    </article>
  );
}

const peopleColumns: Columns<PatientLine> = [
  { id: 'name', header: 'Name', cell: ({ row }) => row.original.name ?? 'erased' },
  { id: 'birthDate', header: 'Born', cell: ({ row }) => row.original.birthDate },
  { id: 'mrn', header: 'Number', cell: ({ row }) => row.original.mrn },
  { id: 'patient', header: 'Patient', cell: ({ row }) => <span className="mono">{row.original.patientId}</span> },
];

/** Names are opened when they are asked for, as that is a use of the record of its own. */
function People({ id }: { id: string }) {
  const may = useMay('disclosure.read');
  const names = useMutation({ mutationFn: () => callApi('breachPeople', { params: { id } }) });
  if (!may) return null;
  if (names.data !== undefined) return <DataTable caption="Who they are, for the notices" columns={peopleColumns} rows={names.data} rowId={({ patientId }) => patientId} empty="" />;
  return (
    <>
      <Button size="compact-xs" variant="default" loading={names.isPending} onClick={() => names.mutate()}>Who they are, for the notices …</Button>
      {names.error !== null && <FailureNote error={names.error} />}
    </>
  );
}

function StepForm({ report }: { report: BreachReport }) {
  const client = useQueryClient();
  const events = stepsAfter(report.status);
  const [event, setEvent] = useState(events[0]);
  const [note, setNote] = useState('');
  const step = useMutation({
    mutationFn: () => callApi('breachStep', { params: { id: report.id }, body: { event: event ?? 'close', note } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['breaches'] }),
  });
  if (event === undefined) return null;
  return (
    <form onSubmit={(submitted) => { submitted.preventDefault(); step.mutate(); }}>
      <Group align="end" gap="sm">
        <NativeSelect size="xs" label="Next step" data={events.map((value) => ({ value, label: stepWords[value] }))} value={event} onChange={({ currentTarget }) => setEvent(events.find((one) => one === currentTarget.value))} />
        <TextInput size="xs" label="What was done" required minLength={5} maxLength={2_000} w={420} value={note} onChange={({ currentTarget }) => setNote(currentTarget.value)} />
        <Button type="submit" loading={step.isPending}>Record</Button>
      </Group>
      {step.error !== null && <FailureNote error={step.error} />}
    </form>
  );
}

/** Times are UTC, as the log's are. */
function OpenForm({ onOpened }: { onOpened(id: string): void }) {
  const client = useQueryClient();
  const [kind, setKind] = useState<BreachHead['kind']>('account');
  const [asked, setAsked] = useState({ subject: '', from: '', to: '', drill: true });
  const open = useMutation({
    mutationFn: () => callApi('openBreach', { body: { kind, subject: asked.subject.trim(), from: `${asked.from}:00.000Z`, to: `${asked.to}:00.000Z`, discoveredAt: new Date().toISOString(), drill: asked.drill } }),
    async onSuccess({ id }) {
      await client.invalidateQueries({ queryKey: ['breaches'] });
      onOpened(id);
    },
  });
  return (
    <details>
      <summary>Open an investigation or a drill</summary>
      <form onSubmit={(event) => { event.preventDefault(); open.mutate(); }}>
        <Group align="end" gap="sm">
          <NativeSelect size="xs" label="Compromised" data={['account', 'client', 'key']} value={kind} onChange={({ currentTarget: { value } }) => setKind(value === 'client' || value === 'key' ? value : 'account')} />
          <TextInput size="xs" label={kind === 'key' ? 'Patient id, tenant or master' : 'Name'} required maxLength={200} value={asked.subject} onChange={({ currentTarget: { value } }) => setAsked((before) => ({ ...before, subject: value }))} />
          <TextInput size="xs" label="From (UTC)" type="datetime-local" required value={asked.from} onChange={({ currentTarget: { value } }) => setAsked((before) => ({ ...before, from: value }))} />
          <TextInput size="xs" label="To (UTC)" type="datetime-local" required value={asked.to} onChange={({ currentTarget: { value } }) => setAsked((before) => ({ ...before, to: value }))} />
          <label><input type="checkbox" checked={asked.drill} onChange={({ currentTarget: { checked } }) => setAsked((before) => ({ ...before, drill: checked }))} /> Drill</label>
          <Button type="submit" loading={open.isPending}>Open</Button>
        </Group>
        {open.error !== null && <FailureNote error={open.error} />}
      </form>
    </details>
  );
}
