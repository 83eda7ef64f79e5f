import { NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { Worklist } from '@primum/contract';
import { AlertActionsProvider } from '../alerts/alert-actions.tsx';
import { isRefusal } from '../api/failure.ts';
import { worklistQuery } from '../api/queries.ts';
import { FindPatient } from '../emergency/find-patient.tsx';
import { SiteFrame } from '../shell/site-frame.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { WorklistView } from './worklist-view.tsx';

export function WorklistPage() {
  const { site } = useSearch({ from: '/signed-in/worklist' });
  const { data, error, dataUpdatedAt } = useQuery(worklistQuery(site));
  if (data === undefined || isRefusal(error)) return <div style={{ padding: 12 }}>{error === null ? 'Loading the worklist …' : <FailureNote error={error} title="The worklist could not be loaded" />}</div>;
  return (
    <SiteFrame site={data.site} model={data.model} receivedAtMs={dataUpdatedAt} failure={error} siteChoice={data.sites.length > 1 ? <SiteChoice sites={data.sites} chosen={data.site.code} /> : undefined}>
      <FindPatient />
      <AlertActionsProvider><WorklistView worklist={data} /></AlertActionsProvider>
    </SiteFrame>
  );
}

function SiteChoice({ sites, chosen }: { sites: Worklist['sites']; chosen: string }) {
  const navigate = useNavigate({ from: '/worklist' });
  return (
    <NativeSelect
      size="xs"
      aria-label="Site"
      value={chosen}
      data={sites.map(({ code, name }) => ({ value: code, label: name }))}
      onChange={(event) => void navigate({ search: (search) => ({ ...search, site: event.currentTarget.value }) })}
    />
  );
}
