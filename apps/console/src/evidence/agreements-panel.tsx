import type { Agreement, DataFlow } from '@primum/contract';
import { Button, Group, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { useMay } from '../shell/use-session.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './evidence.module.css';
import { agreementsQuery } from './queries.ts';
import { coverText, termText } from './evidence-words.ts';

const flowColumns: Columns<DataFlow> = [
  { id: 'covered', header: 'Covered', cell: ({ row }) => <span className={row.original.covered === false ? styles['alarm'] : undefined}>{coverText(row.original)}</span> },
  { id: 'what', header: 'What leaves the house', cell: ({ row }) => row.original.what },
  { id: 'to', header: 'To', cell: ({ row }) => row.original.to },
  { id: 'id', header: 'Flow', cell: ({ row }) => <span className="mono">{row.original.id}</span> },
];

/** Agreements with business associates (45 CFR 164.504(e)) and processors (GDPR Article 28), and the flows they must cover. */
export function AgreementsPanel() {
  const { data, error } = useQuery(agreementsQuery);
  const mayManage = useMay('agreement.manage');
  if (data === undefined) return <section className="panel">{error === null ? 'Loading agreements …' : <FailureNote error={error} title="The agreements could not be loaded" />}</section>;
  const open = data.flows.filter(({ covered }) => covered === false).length;
  return (
    <section className="panel">
      <h2>Agreements and data flows</h2>
      <p role="status" className={open > 0 ? styles['alarm'] : undefined}>
        {open === 0 ? 'Every flow of personal data is covered by an agreement in force.' : `${open} ${open === 1 ? 'flow of personal data has' : 'flows of personal data have'} no agreement in force.`}
      </p>
      <DataTable caption="Ways that data leave the house, from settings and registered apps" columns={flowColumns} rows={data.flows} rowId={({ id }) => id} empty="Nothing leaves the house." />
      <AgreementTable agreements={data.agreements} mayEnd={mayManage} />
      {mayManage && <AddForm flows={data.flows} />}
    </section>
  );
}

function AgreementTable({ agreements, mayEnd }: { agreements: Agreement[]; mayEnd: boolean }) {
  return (
    <table className="data-table">
      <caption>Agreements</caption>
      <thead><tr><th scope="col">Party</th><th scope="col">Kind</th><th scope="col">Scope</th><th scope="col">Term</th><th scope="col">Flows</th>{mayEnd && <th scope="col">Action</th>}</tr></thead>
      <tbody>
        {agreements.length === 0 && <tr><td colSpan={mayEnd ? 6 : 5} className="quiet">None is entered.</td></tr>}
        {agreements.map((agreement) => (
          <tr key={agreement.id} className={agreement.endedAt === null ? undefined : 'quiet'}>
            <th scope="row">{agreement.party}</th><td>{agreement.kind.replace('-', ' ')}</td><td>{agreement.scope}</td><td>{termText(agreement)}</td>
            <td className="mono">{agreement.flows.join(' ')}</td>{mayEnd && <td>{agreement.endedAt === null && <EndButton agreement={agreement} />}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function EndButton({ agreement }: { agreement: Agreement }) {
  const client = useQueryClient();
  const [sure, setSure] = useState(false);
  const end = useMutation({ mutationFn: () => callApi('endAgreement', { params: { id: agreement.id } }), onSuccess: () => client.invalidateQueries({ queryKey: ['agreements'] }) });
  if (!sure) return <Button size="compact-xs" variant="default" onClick={() => setSure(true)}>End …</Button>;
  return <Button size="compact-xs" variant="default" loading={end.isPending} onClick={() => end.mutate()}>End with {agreement.party}</Button>;
}

const kinds = [{ value: 'business-associate', label: 'business associate' }, { value: 'processor', label: 'processor' }, { value: 'other', label: 'other' }];
const empty = { party: '', kind: 'business-associate', scope: '', validFrom: '', validTo: '' };

function AddForm({ flows }: { flows: DataFlow[] }) {
  const client = useQueryClient();
  const [asked, setAsked] = useState(empty);
  const [covers, setCovers] = useState<string[]>([]);
  const add = useMutation({
    mutationFn: () => callApi('addAgreement', { body: { ...asked, kind: asked.kind === 'processor' ? 'processor' : asked.kind === 'other' ? 'other' : 'business-associate', flows: covers, validTo: asked.validTo === '' ? null : asked.validTo } }),
    async onSuccess() {
      setAsked(empty);
      setCovers([]);
      await client.invalidateQueries({ queryKey: ['agreements'] });
    },
  });
  const set = (name: keyof typeof empty) => (event: { currentTarget: { value: string } }): void => {
    const { value } = event.currentTarget;
    setAsked((before) => ({ ...before, [name]: value }));
  };
  return (
    <details>
      <summary>Enter an agreement</summary>
      <form onSubmit={(event) => { event.preventDefault(); add.mutate(); }}>
        <Group align="end" gap="sm">
          <TextInput size="xs" label="Party" required minLength={2} maxLength={200} value={asked.party} onChange={set('party')} />
          <NativeSelect size="xs" label="Kind" data={kinds} value={asked.kind} onChange={set('kind')} />
          <TextInput size="xs" label="Scope" required minLength={5} maxLength={1_000} w={280} value={asked.scope} onChange={set('scope')} />
          <TextInput size="xs" label="In force from" type="date" required value={asked.validFrom} onChange={set('validFrom')} />
          <TextInput size="xs" label="Until (open if empty)" type="date" value={asked.validTo} onChange={set('validTo')} />
          <Button type="submit" loading={add.isPending} disabled={covers.length === 0}>Enter</Button>
        </Group>
        <fieldset className={styles['flows']}>
          <legend>Flows it covers</legend>
          {flows.map(({ id, what }) => (
            <label key={id}><input type="checkbox" checked={covers.includes(id)} onChange={({ currentTarget: { checked } }) => setCovers((before) => (checked ? [...before, id] : before.filter((one) => one !== id)))} /> {what}</label>
          ))}
          {flows.length === 0 && <span className="quiet">Nothing leaves the house yet.</span>}
        </fieldset>
        {add.error !== null && <FailureNote error={add.error} />}
      </form>
    </details>
  );
}
