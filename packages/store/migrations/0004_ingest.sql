-- Raw messages: persisted and fsynced before they are acknowledged, applied in order within a lane.
create table source (
  tenant int not null references tenant,
  id int generated always as identity,
  site_id int not null,
  application text not null,
  facility text not null,
  mapping text not null,
  utc_offset_minutes int not null default 0,
  last_message_at timestamptz,
  last_received_at timestamptz,
  received bigint not null default 0,
  primary key (tenant, id),
  unique (tenant, application, facility),
  foreign key (tenant, site_id) references site (tenant, id)
);

create table message (
  tenant int not null references tenant,
  id uuid not null,
  arrival bigint generated always as identity,
  source_id int,
  control_id text not null,
  commitment bytea not null,
  type text not null,
  message_at timestamptz,
  received_at timestamptz not null default clock_timestamp(),
  lane smallint not null,
  other_lane smallint,
  status text not null,
  reason_code text,
  reason_detail text,
  applied_at timestamptz,
  sealed bytea,
  object_digest bytea,
  primary key (tenant, id)
);
create unique index message_once on message (tenant, commitment);
create index message_waiting on message (tenant, lane, arrival) where status = 'received';
create index message_waiting_other on message (tenant, other_lane, arrival) where status = 'received' and other_lane is not null;
create index message_quarantined on message (tenant, arrival) where status = 'quarantined';

create table unmapped_code (
  tenant int not null references tenant,
  source_id int not null,
  code text not null,
  unit text not null,
  why text not null,
  times bigint not null,
  first_message_id uuid not null,
  last_message_id uuid not null,
  last_at timestamptz not null,
  primary key (tenant, source_id, code, unit, why)
);
