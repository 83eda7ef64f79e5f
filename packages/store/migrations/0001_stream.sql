-- Tenants, and the stream: an outbox whose rows are numbered after commit by one leased sequencer.
create table tenant (
  tenant int primary key,
  code text not null unique,
  name text not null
);
insert into tenant values (1, 'default', 'Default hospital');

-- A row is written in the transaction whose effect it announces; payloads hold ids and numbers, never content.
create table outbox (
  tenant int not null references tenant,
  id bigint generated always as identity,
  seq bigint,
  topic text not null,
  key uuid,
  payload jsonb not null,
  written_at timestamptz not null default clock_timestamp(),
  primary key (tenant, id)
);
create index outbox_unnumbered on outbox (tenant, id) where seq is null;
create unique index outbox_numbered on outbox (tenant, seq) where seq is not null;

create table stream_head (
  tenant int primary key references tenant,
  seq bigint not null
);
insert into stream_head values (1, 0);

create table consumer_offset (
  tenant int not null references tenant,
  consumer text not null,
  seq bigint not null,
  primary key (tenant, consumer)
);
