import { Button, Group, NativeSelect, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { auditOutcomes, readAuditSearch, type AuditSearch } from '../route-search.ts';

/** The filters stand in the address, so that a finding can be passed on. */
export function AuditFilters({ filter }: { filter: AuditSearch }) {
  const navigate = useNavigate({ from: '/audit' });
  const [wanted, setWanted] = useState<Record<string, string>>({ ...filter });
  const bind = (name: keyof AuditSearch) => ({ size: 'xs', value: wanted[name] ?? '', onChange: (event: { currentTarget: { value: string } }) => setWanted({ ...wanted, [name]: event.currentTarget.value }) });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({ search: readAuditSearch(Object.fromEntries(Object.entries(wanted).map(([name, text]) => [name, text.trim()]).filter(([, text]) => text !== ''))) });
      }}
    >
      <Group align="end" gap="sm">
        <NativeSelect label="By" w={150} data={[{ value: '', label: 'people and apps' }, { value: 'everyone', label: 'everyone' }]} {...bind('by')} />
        <TextInput label="Who" maxLength={100} w={140} {...bind('actor')} />
        <TextInput label="Did" maxLength={60} w={140} {...bind('action')} />
        <TextInput label="Patient (id)" w={290} pattern="[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}" {...bind('patientId')} />
        <TextInput label="Purpose" maxLength={20} w={110} {...bind('purpose')} />
        <NativeSelect label="Outcome" w={140} data={[{ value: '', label: 'any' }, ...auditOutcomes]} {...bind('outcome')} />
        <TextInput label="From (UTC)" type="datetime-local" {...bind('from')} />
        <TextInput label="Before (UTC)" type="datetime-local" {...bind('to')} />
        <Button type="submit">Filter</Button>
        <Button variant="default" onClick={() => void navigate({ search: {} })}>Clear</Button>
      </Group>
    </form>
  );
}
