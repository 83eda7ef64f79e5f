import { Button, Group, Modal, NativeSelect, SegmentedControl, Stack, Textarea, TextInput } from '@mantine/core';
import { purposes, purposeWords, type NewClient } from '@primum/contract';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { ApiFailure } from '../api/failure.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { clientsQuery } from './queries.ts';

const usualScopes = { app: 'openid fhirUser launch launch/patient patient/*.rs', service: 'system/Observation.rs' } as const;
/** What the policies let service accounts ask for. */
const servicePurposes = purposes.filter((purpose) => purpose === 'TREAT' || purpose === 'HOPERAT' || purpose === 'PUBHLTH' || purpose === 'HRESCH');
const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

export function NewClientDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [kind, setKind] = useState<NewClient['kind']>('app');
  const [id, setId] = useState('');
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string>(usualScopes.app);
  const [redirects, setRedirects] = useState('');
  const [launchUrl, setLaunchUrl] = useState('');
  const [proof, setProof] = useState('');
  const [purpose, setPurpose] = useState<(typeof servicePurposes)[number]>('TREAT');
  const add = useMutation({
    mutationFn: () => callApi('addClient', { body: {
      id: id.trim(), name: name.trim(), kind, scopes: words(scopes), ...proofOf(proof.trim()), ...(kind === 'service' ? { purposes: [purpose] } : {}),
      ...(kind === 'app' ? { redirectUris: words(redirects), ...(launchUrl.trim() === '' ? {} : { launchUrl: launchUrl.trim() }) } : {}),
    } }),
    onSuccess(rows) {
      client.setQueryData(clientsQuery.queryKey, rows);
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title="Register an app or a service account" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={(event) => { event.preventDefault(); add.mutate(); }}>
        <Stack gap="sm">
          <SegmentedControl
            aria-label="Acts for" value={kind} data={[{ value: 'app', label: 'App: acts for a person' }, { value: 'service', label: 'Service account: acts for itself' }]}
            onChange={(value) => {
              const next = value === 'service' ? 'service' : 'app';
              setKind(next);
              setScopes(usualScopes[next]);
            }}
          />
          <TextInput label="Id" description="The client_id that it sends" required maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" value={id} onChange={(event) => setId(event.currentTarget.value)} data-autofocus />
          <TextInput label="Name" description="What people read when it asks" required maxLength={100} value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <Textarea label="Scopes" description="What it may ask at most, with spaces between" required autosize value={scopes} onChange={(event) => setScopes(event.currentTarget.value)} />
          {kind === 'service' && (
            <NativeSelect
              label="Purpose" description="The only one that it may ask for; research sees pseudonyms" data={servicePurposes.map((value) => ({ value, label: `${value}: ${purposeWords[value]}` }))}
              value={purpose} onChange={({ currentTarget: { value } }) => setPurpose(servicePurposes.find((one) => one === value) ?? 'TREAT')}
            />
          )}
          {kind === 'app' && <Textarea label="Redirect addresses" description="One a line, taken letter by letter" required autosize value={redirects} onChange={(event) => setRedirects(event.currentTarget.value)} />}
          {kind === 'app' && <TextInput label="Launch address" description="Where it opens from a patient’s page; leave empty for none" maxLength={500} value={launchUrl} onChange={(event) => setLaunchUrl(event.currentTarget.value)} />}
          <Textarea
            label={kind === 'app' ? 'Keys (leave empty for an app that keeps no key)' : 'Keys or certificate'} required={kind === 'service'} autosize minRows={2} maxRows={8}
            description="A JWK set, the address of one (https), or a certificate’s SHA-256 in hex" value={proof} onChange={(event) => setProof(event.currentTarget.value)}
          />
          {add.isError && <FailureNote error={add.error} title="Nothing was registered" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={add.isPending}>Register</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** What was pasted, by its look. */
function proofOf(text: string): Pick<NewClient, 'jwks' | 'jwksUri' | 'certificateFingerprint'> {
  if (text === '') return {};
  if (text.startsWith('https://')) return { jwksUri: text };
  const hex = text.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return { certificateFingerprint: hex };
  try {
    return { jwks: JSON.parse(text) as NonNullable<NewClient['jwks']> }; // the server validates its shape
  } catch {
    throw new ApiFailure({ code: 'client.invalid', message: 'The keys are neither a JWK set, nor an address, nor a fingerprint', action: 'Paste one of the three.' }, 0);
  }
}
