import type { StayPage as Stay } from '@primum/contract';
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { AlertActionsProvider, useAlertActions } from '../alerts/alert-actions.tsx';
import { isRefusal } from '../api/failure.ts';
import { stayQuery } from '../api/queries.ts';
import { readStaySearch, stayHours } from '../route-search.ts';
import { EmergencyOffer } from '../emergency/emergency-offer.tsx';
import { SiteFrame } from '../shell/site-frame.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useKeys } from '../ui/use-keys.ts';
import { AlertPanel } from './alert-panel.tsx';
import { DriversPanel } from './drivers-panel.tsx';
import { LabsPanel } from './labs-panel.tsx';
import { ProvenancePanel } from './provenance-panel.tsx';
import { RiskTrend } from './risk-trend.tsx';
import { StayHeader } from './stay-header.tsx';
import styles from './stay.module.css';
import { VitalsPanel } from './vitals-panel.tsx';

const defaultHours = 48;

export function StayPage() {
  const { stayId } = useParams({ from: '/signed-in/stays/$stayId' });
  const { hours = defaultHours } = useSearch({ from: '/signed-in/stays/$stayId' });
  const { data, error, dataUpdatedAt } = useQuery({
    ...stayQuery(stayId, hours),
    // Another interval of the same patient keeps what is shown until it is there; another patient never does.
    placeholderData: (before) => (before?.stayId === stayId ? before : undefined),
  });
  if (data === null) return <div style={{ padding: 12 }}><EmergencyOffer key={stayId} stayId={stayId} /></div>;
  if (data === undefined || isRefusal(error)) return <div style={{ padding: 12 }}>{error === null ? 'Loading the patient …' : <FailureNote error={error} title="The patient could not be loaded" />}</div>;
  return (
    <SiteFrame site={data.site} model={data.model} receivedAtMs={dataUpdatedAt} failure={error}>
      <AlertActionsProvider><StayView stay={data} hours={hours} /></AlertActionsProvider>
    </SiteFrame>
  );
}

function StayView({ stay, hours }: { stay: Stay; hours: (typeof stayHours)[number] }) {
  const actions = useAlertActions();
  const navigate = useNavigate({ from: '/stays/$stayId' });
  const target = stay.alert === null || stay.alert.status === 'closed' ? null : { name: stay.identity.name, bed: stay.bed, alert: stay.alert };
  useKeys({
    a: () => target !== null && actions.start('acknowledge', target),
    s: () => target !== null && actions.start('snooze', target),
  });
  const to = Date.parse(stay.site.now) / 1000;
  const interval = { from: to - hours * 3600, to };
  return (
    <div className={styles['page']}>
      <StayHeader stay={stay} />
      <AlertPanel stay={stay} target={target} />
      <SegmentedControl
        size="xs"
        aria-label="Interval shown"
        className={styles['interval']}
        value={String(hours)}
        onChange={(value) => void navigate({ search: readStaySearch({ hours: value }), replace: true })}
        data={stayHours.map((choice) => ({ value: String(choice), label: choice < 72 ? `${choice} h` : `${choice / 24} d` }))}
      />
      <RiskTrend stay={stay} {...interval} />
      <VitalsPanel vitals={stay.vitals} {...interval} />
      <LabsPanel labs={stay.labs} labSeries={stay.labSeries} unmapped={stay.unmapped} />
      <DriversPanel stay={stay} />
      <ProvenancePanel predictionId={stay.risk.predictionId} />
    </div>
  );
}
