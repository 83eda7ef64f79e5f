import type { DeviceQuarantineRow, DeviceRow } from '@primum/contract';
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { callApi } from '../api/client.ts';
import { devicesQuery } from '../api/queries.ts';
import { useMay } from '../shell/use-session.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { NewDeviceDialog } from './new-device-dialog.tsx';

const instantOr = (instant: string | null, otherwise: string): string => (instant === null ? otherwise : dateTimeText(instant));

function stateOf({ disabled, silent, attached }: DeviceRow): string {
  if (disabled) return 'disabled';
  if (silent) return 'SILENT';
  return attached ? 'on a patient' : 'on nobody';
}

const deviceColumns: Columns<DeviceRow> = [
  { id: 'name', header: 'Device', cell: ({ row }) => <><strong>{row.original.name}</strong><br /><span className="mono quiet">{row.original.id}</span></> },
  { id: 'kind', header: 'Kind', cell: ({ row }) => row.original.kind },
  { id: 'state', header: 'State', cell: ({ row }) => (row.original.silent && !row.original.disabled ? <strong>{stateOf(row.original)}</strong> : stateOf(row.original)) },
  { id: 'last', header: 'Last message', cell: ({ row }) => instantOr(row.original.lastReceivedAt, 'never') },
  { id: 'sample', header: 'Last sample', cell: ({ row }) => instantOr(row.original.lastSampleAt, 'none') },
  { id: 'received', header: 'Messages', cell: ({ row }) => row.original.received },
  { id: 'repeated', header: 'Sent again', cell: ({ row }) => row.original.repeated },
  { id: 'once', header: 'QoS 0', cell: ({ row }) => row.original.atMostOnce },
  { id: 'kept', header: 'Samples kept', cell: ({ row }) => row.original.kept },
  { id: 'thinned', header: 'Thinned', cell: ({ row }) => (row.original.keepEveryS === 0 ? 'none' : `${row.original.thinned} (one of ${row.original.keepEveryS} s kept)`) },
  { id: 'quarantined', header: 'In quarantine', cell: ({ row }) => row.original.quarantined },
];

const quarantineColumns = (names: ReadonlyMap<string, string>, replay: ((id: string) => void) | undefined): Columns<DeviceQuarantineRow> => [
  { id: 'device', header: 'Device', cell: ({ row }) => names.get(row.original.deviceId) ?? <>not registered<br /><span className="mono quiet">{row.original.deviceId}</span></> },
  { id: 'messages', header: 'Messages', cell: ({ row }) => row.original.messages },
  { id: 'since', header: 'Since', cell: ({ row }) => dateTimeText(row.original.since) },
  { id: 'why', header: 'Why', cell: ({ row }) => <><span className="mono">{row.original.code}</span><br /><span className="quiet">{row.original.action}</span></> },
  { id: 'replay', header: 'Replay', cell: ({ row }) => replay !== undefined && <Button variant="default" size="compact-xs" aria-label={`Replay what ${names.get(row.original.deviceId) ?? row.original.deviceId} sent`} onClick={() => replay(row.original.deviceId)}>Replay</Button> },
];

/** Devices that send over MQTT: what came, what is silent, what waits for somebody to say whose it was. */
export function DevicesPage() {
  const { data, error } = useQuery(devicesQuery);
  const client = useQueryClient();
  const [mayManage, mayReplay] = [useMay('feed.manage'), useMay('quarantine.replay')];
  const [adding, setAdding] = useState(false);
  const replay = useMutation({ mutationFn: (id: string) => callApi('replayDevice', { params: { id } }), onSettled: () => client.invalidateQueries({ queryKey: devicesQuery.queryKey }) });
  const { mutate } = replay;
  const quarantine = useMemo(() => quarantineColumns(new Map(data?.devices.map(({ id, name }) => [id, name])), mayReplay ? mutate : undefined), [data, mayReplay, mutate]);
  if (data === undefined) return <div style={{ padding: 12 }}>{error === null ? 'Loading the devices …' : <FailureNote error={error} title="The devices could not be loaded" />}</div>;
  return (
    <div style={{ padding: '10px 12px 24px', display: 'grid', gap: 8 }}>
      <h1>Devices</h1>
      {error !== null && <FailureNote error={error} title="What is shown is not the latest" />}
      <div className="quiet">{data.mqttPort === null ? 'No MQTT listener is open: start Primum with --mqtt-port, or connect it to your broker with --mqtt-broker.' : `MQTT 3.1.1 is listened for on port ${data.mqttPort}.`}</div>
      <section className="panel" style={{ overflowX: 'auto' }}>
        <DataTable caption="Devices. Samples land on whoever the device was on at the sample's own time." columns={deviceColumns} rows={data.devices} rowId={({ id }) => id} empty="No device is registered." />
        {mayManage && <Button mt="sm" onClick={() => setAdding(true)}>New device</Button>}
      </section>
      <section className="panel" style={{ overflowX: 'auto' }}>
        <DataTable caption="Quarantine: messages that could not be read or placed, kept whole" columns={quarantine} rows={data.quarantine} rowId={({ deviceId, code }) => `${deviceId} ${code}`} empty="Nothing is in quarantine." />
        {replay.isError && <FailureNote error={replay.error} />}
      </section>
      {adding && <NewDeviceDialog onClose={() => setAdding(false)} />}
    </div>
  );
}
