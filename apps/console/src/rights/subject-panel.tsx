import type { CaseStep, Erasure, LegalHold, Objection, RightsCase, SubjectPage } from '@primum/contract';
import { Button, Group, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { EraseDialog } from './erase-dialog.tsx';
import { ObjectionDialog } from './objection-dialog.tsx';
import { subjectQuery } from './queries.ts';
import { caseWords, erasureWords, refusalText, scopeWords } from './rights-words.ts';
import { StatementDialog } from './statement-dialog.tsx';
import { useRightsChange } from './use-rights-change.ts';

type Asking = { kind: 'objection' } | { kind: 'erase' } | { kind: 'hold' } | { kind: 'restriction' } | { kind: 'rectification' } | { kind: 'step'; id: string; event: CaseStep['event'] };

/** What stands for one person, and what can be done for them, in the order in which people ask. */
export function SubjectPanel({ patientId }: { patientId: string }) {
  const { data, error } = useQuery(subjectQuery(patientId));
  const [asking, setAsking] = useState<Asking | null>(null);
  if (data === undefined) return <section className="panel">{error === null ? 'Loading …' : <FailureNote error={error} title="This person's rights could not be loaded" />}</section>;
  const { subject } = data;
  return (
    <section className="panel" aria-label={`Rights of ${subject.name}`}>
      <Stack gap="sm">
        <div>
          <h2 style={{ margin: 0 }}>{subject.name}</h2>
          <span className="quiet">born {subject.birthDate} · MRN <span className="mono">{subject.mrn}</span>{data.members > 1 && ` · ${data.members} merged records`}</span>
        </div>
        {error !== null && <FailureNote error={error} title="What is shown is not the latest" />}
        <StandingNote page={data} />
        <Group gap="xs">
          <Button variant="default" component="a" href={`/api/rights/subjects/${patientId}/bundle?format=json`} download>Copy for the person (FHIR)</Button>
          <Button variant="default" onClick={() => setAsking({ kind: 'objection' })}>Record an objection</Button>
          <Button variant="default" disabled={data.restricted} onClick={() => setAsking({ kind: 'restriction' })}>Restrict processing</Button>
          <Button variant="default" onClick={() => setAsking({ kind: 'rectification' })}>Record a rectification</Button>
          <Button variant="default" onClick={() => setAsking({ kind: 'hold' })}>Place a legal hold</Button>
          <Button variant="default" color="red" onClick={() => setAsking({ kind: 'erase' })}>Ask for erasure …</Button>
        </Group>
        <Objections rows={data.objections} />
        <Cases rows={data.cases} onStep={(id, event) => setAsking({ kind: 'step', id, event })} />
        <Holds rows={data.holds} />
        <Erasures rows={data.erasures} />
      </Stack>
      {asking !== null && <Dialog asking={asking} page={data} onClose={() => setAsking(null)} />}
    </section>
  );
}

function StandingNote({ page }: { page: SubjectPage }) {
  const standing = [
    page.restricted ? 'Processing is restricted: used for treatment only, not scored.' : null,
    page.aiOptOut ? 'Objected to scoring by models: not scored.' : null,
    page.researchOptOut ? 'Objected to research: left out of it.' : null,
    page.erasureRefusal === null ? 'Nothing stands against an erasure.' : `An erasure would be refused now. ${refusalText(page.erasureRefusal.reason, page.erasureRefusal.until)}`,
  ].filter((text) => text !== null);
  return <ul style={{ margin: 0, paddingLeft: 20 }}>{standing.map((text) => <li key={text}>{text}</li>)}</ul>;
}

function Dialog({ asking, page: { subject, members, erasureRefusal }, onClose }: { asking: Asking; page: SubjectPage; onClose: () => void }) {
  const { patientId, name } = subject;
  switch (asking.kind) {
    case 'objection': return <ObjectionDialog patientId={patientId} name={name} onClose={onClose} />;
    case 'erase': return <EraseDialog subject={subject} members={members} refusal={erasureRefusal} onClose={onClose} />;
    case 'hold': return <StatementDialog title={`Place a legal hold on ${name}`} label="Reason" submit="Place the hold" explain="Until it is released nothing of this person is erased or disposed of." send={(reason) => callApi('placeHold', { body: { patientId, reason } })} onClose={onClose} />;
    case 'restriction': return <StatementDialog title={`Restrict processing for ${name}`} label="Reason" submit="Restrict" explain="GDPR Article 18. The data stay and are used for treatment only: no scoring, no research, until it is lifted." send={(reason) => callApi('openCase', { body: { patientId, kind: 'restriction', reason } })} onClose={onClose} />;
    case 'rectification': return <StatementDialog title={`Record a request of ${name} for rectification`} label="What is wrong, and what is right" submit="Record the request" explain="GDPR Article 16, 45 CFR 164.526. To be answered within 30 days." send={(reason) => callApi('openCase', { body: { patientId, kind: 'rectification', reason } })} onClose={onClose} />;
    case 'step': return <StatementDialog title={stepWords[asking.event].title} label={stepWords[asking.event].label} submit={stepWords[asking.event].title} explain={stepWords[asking.event].explain} send={(statement) => callApi('stepCase', { params: { id: asking.id }, body: { event: asking.event, statement } })} onClose={onClose} />;
  }
}

const stepWords: Readonly<Record<CaseStep['event'], { title: string; label: string; explain: string }>> = {
  lift: { title: 'Lift the restriction', label: 'Reason', explain: 'The person is to be told before (GDPR Article 18(3)).' },
  accept: { title: 'Accept', label: 'Answer to the person', explain: 'Then carry it out: by a correction from the source, or by an amendment beside the record.' },
  deny: { title: 'Deny', label: 'Reason, in plain words', explain: 'The person may answer with a statement of disagreement, which is kept with the record (45 CFR 164.526(d)).' },
  perform: { title: 'Carried out', label: 'How: the correction, or the amendment itself', explain: 'These words are kept with the record as an amendment.' },
  dispute: { title: 'Statement of disagreement', label: 'What the person says', explain: 'These words are kept with the record, and are part of every copy of it.' },
};
const stepsOf: Readonly<Partial<Record<RightsCase['status'], readonly CaseStep['event'][]>>> = { standing: ['lift'], requested: ['accept', 'deny'], accepted: ['perform'], denied: ['dispute'] };

function Objections({ rows }: { rows: Objection[] }) {
  const withdraw = useRightsChange((id: string) => callApi('withdrawObjection', { params: { id } }));
  return (
    <>
      <table className="data-table">
        <caption>Objections</caption>
        <thead><tr>{['To', 'Recorded', 'From', 'Until', 'State', 'To do'].map((head) => <th key={head} scope="col">{head}</th>)}</tr></thead>
        <tbody>
          {rows.length === 0 && <tr><td colSpan={6} className="quiet">None was recorded.</td></tr>}
          {rows.map((row) => (
            <tr key={row.id}>
              <td>{scopeWords[row.scope]}</td><td>{dateTimeText(row.recordedAt)}</td><td>{dateTimeText(row.from)}</td><td>{row.until === null ? 'no end' : dateTimeText(row.until)}</td>
              <td>{row.withdrawnAt !== null ? `withdrawn ${dateTimeText(row.withdrawnAt)}` : row.inForce ? 'in force' : 'not in force'}</td>
              <td>{row.status === 'active' && <Button variant="default" size="compact-xs" loading={withdraw.isPending} aria-label={`Withdraw the objection to ${scopeWords[row.scope]}`} onClick={() => withdraw.mutate(row.id)}>Withdraw</Button>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {withdraw.isError && <FailureNote error={withdraw.error} />}
    </>
  );
}

function Cases({ rows, onStep }: { rows: RightsCase[]; onStep: (id: string, event: CaseStep['event']) => void }) {
  return (
    <table className="data-table">
      <caption>Restriction and rectification</caption>
      <thead><tr>{['What', 'Opened', 'Answer by', 'State', 'Said', 'To do'].map((head) => <th key={head} scope="col">{head}</th>)}</tr></thead>
      <tbody>
        {rows.length === 0 && <tr><td colSpan={6} className="quiet">Nothing was asked.</td></tr>}
        {rows.map((row) => (
          <tr key={row.id}>
            <td>{row.kind}</td><td>{dateTimeText(row.openedAt)}</td><td>{row.status === 'requested' ? row.dueAt.slice(0, 10) : ''}</td><td>{caseWords[row.status]}</td>
            <td>{row.statements.map(({ event, text, at }) => <div key={at}><span className="quiet">{event}</span> {text}</div>)}</td>
            <td>{(stepsOf[row.status] ?? []).map((event) => <Button key={event} mr={4} variant="default" size="compact-xs" onClick={() => onStep(row.id, event)}>{stepWords[event].title}</Button>)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Holds({ rows, caption = 'Legal holds' }: { rows: LegalHold[]; caption?: string }) {
  const release = useRightsChange((id: string) => callApi('releaseHold', { params: { id } }));
  return (
    <>
      <table className="data-table">
        <caption>{caption}</caption>
        <thead><tr>{['On', 'Placed', 'Reason', 'State', 'To do'].map((head) => <th key={head} scope="col">{head}</th>)}</tr></thead>
        <tbody>
          {rows.length === 0 && <tr><td colSpan={5} className="quiet">None was placed.</td></tr>}
          {rows.map((row) => (
            <tr key={row.id}>
              <td>{row.dataClass ?? 'a person'}</td><td>{dateTimeText(row.placedAt)}</td><td>{row.reason}</td><td>{row.releasedAt === null ? 'stands' : `released ${dateTimeText(row.releasedAt)}`}</td>
              <td>{row.releasedAt === null && <Button variant="default" size="compact-xs" loading={release.isPending} onClick={() => release.mutate(row.id)}>Release</Button>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {release.isError && <FailureNote error={release.error} />}
    </>
  );
}

function Erasures({ rows }: { rows: Erasure[] }) {
  if (rows.length === 0) return null;
  return (
    <table className="data-table">
      <caption>Erasures that were asked for</caption>
      <thead><tr>{['Asked', 'By', 'State'].map((head) => <th key={head} scope="col">{head}</th>)}</tr></thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}><td>{dateTimeText(row.requestedAt)}</td><td>{row.requestedBy}</td><td>{erasureWords[row.status]}{row.refusal !== null && `: ${refusalText(row.refusal, row.refusedUntil)}`}</td></tr>
        ))}
      </tbody>
    </table>
  );
}
