-- Devices, waveforms and tables.

-- Who may send over MQTT. The credential is a random secret of which only a keyed token stays here.
create table device (
  tenant int not null references tenant,
  id uuid not null,
  kind text not null,
  sealed_name bytea not null,
  credential bytea not null,
  keep_every_s int not null,
  silent_after_s int not null,
  registered_at timestamptz not null,
  disabled_at timestamptz,
  received bigint not null default 0,
  repeated bigint not null default 0,
  at_most_once bigint not null default 0,
  last_received_at timestamptz,
  primary key (tenant, id)
);

-- On whom a device was, and when: samples land by their own time. Periods of one device do not overlap.
create table device_association (
  tenant int not null references tenant,
  device_id uuid not null,
  from_at timestamptz not null,
  until_at timestamptz,
  patient_id uuid not null,
  primary key (tenant, device_id, from_at),
  foreign key (tenant, device_id) references device (tenant, id),
  check (until_at is null or until_at > from_at)
);
create index device_association_by_patient on device_association (tenant, patient_id);

-- What devices sent, persisted before it is acknowledged. Once applied its content is in the record and no longer here;
-- the row stays for a while to recognise what is sent again. first_at, last_at: times of samples that are in quarantine.
create table device_message (
  tenant int not null references tenant,
  id uuid not null,
  arrival bigint generated always as identity,
  device_id uuid,
  kind text not null,
  commitment bytea not null,
  qos smallint not null,
  received_at timestamptz not null default clock_timestamp(),
  status text not null,
  reason_code text,
  first_at timestamptz,
  last_at timestamptz,
  sealed bytea,
  primary key (tenant, id)
);
create unique index device_message_once on device_message (tenant, commitment);
create index device_message_waiting on device_message (tenant, arrival) where status = 'received';
create index device_message_quarantined on device_message (tenant, device_id, arrival) where status = 'quarantined';
create index device_message_applied on device_message (tenant, received_at) where status = 'applied';

-- What became of a device's samples, by code.
create table device_channel (
  tenant int not null references tenant,
  device_id uuid not null,
  code text not null,
  kept bigint not null default 0,
  thinned bigint not null default 0,
  last_at timestamptz,
  primary key (tenant, device_id, code),
  foreign key (tenant, device_id) references device (tenant, id)
);

-- Stretches of waveforms; their samples are sealed objects.
create table waveform (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid not null,
  device_id uuid not null,
  code text not null,
  start_at timestamptz not null,
  end_at timestamptz not null,
  period_ms double precision not null,
  samples int not null,
  digest bytea not null,
  recorded_at timestamptz not null,
  primary key (tenant, id)
);
create index waveform_by_patient on waveform (tenant, patient_id, code, start_at);
