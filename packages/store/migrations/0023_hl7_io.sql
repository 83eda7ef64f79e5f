-- Listeners and senders.

-- Senders: where messages go, and what waits, in the order in which it is sent.
create table destination (
  tenant int not null references tenant,
  id int generated always as identity,
  name text not null,
  host text not null,
  port int not null,
  tls boolean not null,
  ca_file text,
  application text not null,
  facility text not null,
  timeout_ms int not null,
  disabled_at timestamptz,
  leased_until timestamptz,
  failures int not null default 0,
  next_attempt_at timestamptz,
  last_acknowledged_at timestamptz,
  primary key (tenant, id),
  unique (tenant, name)
);

-- `code`: of the answer, or of the error of the last attempt; never its text.
create table outgoing_message (
  tenant int not null references tenant,
  id uuid not null,
  destination_id int not null,
  n bigint generated always as identity,
  control_id text not null,
  type text not null,
  patient_id uuid,
  status text not null,
  attempts int not null default 0,
  code text,
  sealed bytea,
  created_at timestamptz not null default clock_timestamp(),
  done_at timestamptz,
  primary key (tenant, id),
  foreign key (tenant, destination_id) references destination (tenant, id)
);
create index outgoing_message_queued on outgoing_message (tenant, destination_id, n) where status = 'queued';
create index outgoing_message_undelivered on outgoing_message (tenant, n) where status in ('refused', 'failed');
create index outgoing_message_by_patient on outgoing_message (tenant, patient_id) where patient_id is not null;
