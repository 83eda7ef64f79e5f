import { patientKindNames, purposeWords, purposes, type PatientKindName, type PolicyPage as Page } from '@primum/contract';
import { Group, NativeSelect } from '@mantine/core';
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { callApi } from '../api/client.ts';
import { readPolicySearch, type PolicySearch } from '../route-search.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './policy.module.css';

const patientWords: Readonly<Record<PatientKindName, string>> = {
  none: 'before a patient is named', treated: 'treated by a unit of theirs', elsewhere: 'treated by another unit', emergency: 'by another unit, emergency access open',
  restricted: 'restricted (GDPR Art. 18)', 'ai-opt-out': 'objects to AI scoring', 'research-opt-out': 'objects to research',
};

const policyQuery = (query: PolicySearch) => queryOptions({
  queryKey: ['policy', query.purpose, query.patient],
  queryFn: ({ signal }) => callApi('policy', { query }, signal),
  placeholderData: keepPreviousData,
});

/** Who may do what: every cell was decided by the server for this page, and leads to the policy that decided. */
export function PolicyPage() {
  const search = useSearch({ from: '/signed-in/policy' });
  const navigate = useNavigate({ from: '/policy' });
  const { data, error } = useQuery(policyQuery(search));
  const choose = (change: Record<string, string>): void => void navigate({ search: readPolicySearch({ ...search, ...change }), replace: true });
  return (
    <div className={styles['page']}>
      <h1>Policy</h1>
      <Group align="end" gap="sm">
        <NativeSelect size="xs" label="Purpose" value={search.purpose ?? 'TREAT'} data={purposes.map((value) => ({ value, label: `${value}: ${purposeWords[value]}` }))} onChange={(event) => choose({ purpose: event.currentTarget.value })} />
        <NativeSelect size="xs" label="Patient" value={search.patient ?? 'none'} data={patientKindNames.map((value) => ({ value, label: patientWords[value] }))} onChange={(event) => choose({ patient: event.currentTarget.value })} />
      </Group>
      {error !== null && <FailureNote error={error} title="The decisions could not be loaded" />}
      {data === undefined && error === null && <p>Deciding …</p>}
      {data !== undefined && <><Matrix page={data} /><Policies page={data} /></>}
    </div>
  );
}

function Matrix({ page: { principals, rows, epoch, policies } }: { page: Page }) {
  const held = rows.filter(({ decisions }) => decisions.some(({ allowed }) => allowed));
  const nobody = Object.entries(Object.groupBy(rows.filter((row) => !held.includes(row)), ({ decisions }) => forbids(decisions).filter((id) => policies.some((policy) => policy.id === id)).join(', ')));
  return (
    <section className="panel" aria-label="Decisions" style={{ overflowX: 'auto' }}>
      <table className="data-table">
        <caption>Decided now by the policies in force, epoch <span className="mono">{epoch}</span>. What no policy permits is refused.</caption>
        <thead>
          <tr><th scope="col">May</th>{principals.map((name) => <th key={name} scope="col" className={styles['who']}>{name.replaceAll('-', ' ').replace('system:', 'system ')}</th>)}</tr>
        </thead>
        <tbody>
          {held.map(({ authority, decisions }) => (
            <tr key={authority}>
              <th scope="row" className={styles['what']}>{authority}</th>
              {decisions.map(({ allowed, by }, index) => <td key={principals[index]}><Decided allowed={allowed} by={by.filter((id) => policies.some((policy) => policy.id === id))} /></td>)}
            </tr>
          ))}
          {held.length === 0 && <tr><td colSpan={principals.length + 1} className="quiet">Nobody may do anything for this purpose.</td></tr>}
        </tbody>
      </table>
      {nobody.map(([by, refused = []]) => (
        <p key={by} className="quiet">
          {by === '' ? 'Permitted to nobody' : <>Forbidden to everybody by <a href={`#policy-${by.split(', ')[0] ?? ''}`}>{by}</a></>}: {refused.map(({ authority }) => authority).join(', ')}.
        </p>
      ))}
    </section>
  );
}

/** Policies that stand against every one of them. */
function forbids([first, ...rest]: Page['rows'][number]['decisions']): string[] {
  return (first?.by ?? []).filter((id) => rest.every(({ by }) => by.includes(id) || by.includes('scopes')));
}

function Decided({ allowed, by }: Page['rows'][number]['decisions'][number]) {
  const [first] = by;
  if (first === undefined) return <span className="quiet">no</span>;
  const word = allowed ? 'yes' : 'forbidden';
  return <a href={`#policy-${first}`} title={by.join(', ')} className={allowed ? styles['yes'] : undefined}>{word}</a>;
}

function Policies({ page: { policies } }: { page: Page }) {
  return (
    <section className="panel" aria-label="Policies">
      <h2>Policies in force</h2>
      <ul className={styles['policies']}>
        {policies.map(({ id, effect, place, comment, text }) => (
          <li key={id} id={`policy-${id}`}>
            <strong>{id}</strong> <span className={effect === 'forbid' ? 'higher' : 'quiet'}>{effect}</span> <span className="mono quiet">{place}</span>
            {comment !== '' && <div>{comment}</div>}
            <details><summary className="quiet">Text</summary><pre className={styles['text']}>{text}</pre></details>
          </li>
        ))}
      </ul>
    </section>
  );
}
