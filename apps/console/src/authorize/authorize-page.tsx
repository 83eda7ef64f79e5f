import { Button } from '@mantine/core';
import type { AuthorizationView } from '@primum/contract';
import { queryOptions, useMutation, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { stayQuery } from '../api/queries.ts';
import { useSession } from '../shell/use-session.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './authorize.module.css';
import { PatientPicker } from './patient-picker.tsx';

const authorizationQuery = (uid: string) => queryOptions({
  queryKey: ['authorization', uid],
  queryFn: ({ signal }) => callApi('authorization', { params: { uid } }, signal),
  staleTime: Infinity, // what an app asked does not change
  retry: false,
});

/** An app asks: who it is, what it wants, for which patient. The browser came here from the app and goes back to it. */
export function AuthorizePage() {
  const { uid } = useParams({ from: '/signed-in/authorize/$uid' });
  const { data, error } = useQuery(authorizationQuery(uid));
  return (
    <div className={styles['page']}>
      {data === undefined ? <><h1>An app asks for access</h1>{error === null ? <p>Loading what it asks …</p> : <FailureNote error={error} />}</> : <Asked uid={uid} asked={data} />}
    </div>
  );
}

function Asked({ uid, asked }: { uid: string; asked: AuthorizationView }) {
  const { displayName } = useSession();
  const mayHave = asked.scopes.filter(({ allowed }) => allowed).map(({ scope }) => scope);
  const [wanted, setWanted] = useState<readonly string[]>(mayHave);
  const [stayId, setStayId] = useState<string | null>(null);
  const decide = useMutation({
    mutationFn: (allow: boolean) => callApi('decideAuthorization', { params: { uid }, body: { allow, scopes: [...wanted], ...(stayId === null ? {} : { stayId }) } }),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  const refused = asked.scopes.filter(({ allowed }) => !allowed);
  const leaving = decide.isPending || decide.isSuccess;
  return (
    <>
      <h1>{asked.clientName} asks for access</h1>
      <p>It would act for you, {displayName}, and may do what is ticked, never more than you may.</p>
      <section className="panel">
        <ul className={styles['asked']} aria-label="What it asks">
          {asked.scopes.filter(({ allowed }) => allowed).map(({ scope, words }) => (
            <li key={scope}>
              <label>
                <input type="checkbox" checked={wanted.includes(scope)} disabled={leaving} onChange={({ currentTarget: { checked } }) => setWanted(checked ? [...wanted, scope] : wanted.filter((one) => one !== scope))} />
                {' '}{words} <span className="mono quiet">{scope}</span>
              </label>
            </li>
          ))}
          {mayHave.length === 0 && <li>Nothing that your role may give.</li>}
        </ul>
        {refused.length > 0 && <p className="quiet">Asked too, and not yours to give: {refused.map(({ words }) => words).join('; ')}.</p>}
      </section>
      {asked.stayId !== null && <LaunchedFor stayId={asked.stayId} />}
      {asked.choosesPatient && <PatientPicker chosen={stayId} onChoose={setStayId} />}
      {decide.isError && <FailureNote error={decide.error} title="The app was not answered" />}
      <div className={styles['actions']}>
        <Button disabled={wanted.length === 0 || (asked.choosesPatient && stayId === null)} loading={leaving && decide.variables} onClick={() => decide.mutate(true)}>Allow</Button>
        <Button variant="default" disabled={leaving} onClick={() => decide.mutate(false)}>Don’t allow</Button>
      </div>
      <p className="quiet">What you allow stands on your account page and can be taken back there at any time.</p>
    </>
  );
}

function LaunchedFor({ stayId }: { stayId: string }) {
  const { data, error } = useQuery(stayQuery(stayId, 12));
  if (error !== null) return <FailureNote error={error} title="The patient could not be loaded" />;
  return <section className="panel">For <strong>{data === undefined ? '…' : data === null ? 'a patient whom none of your units treats' : `${data.identity.name}, born ${data.identity.birthDate}, MRN ${data.identity.mrn}, ${data.ward} ${data.bed}`}</strong></section>;
}
