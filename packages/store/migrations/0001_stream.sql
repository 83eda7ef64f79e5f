-- Tenants, and the stream: an outbox whose rows one leased sequencer numbers after their commit.
create table tenant (
  tenant int primary key,
  code text not null unique,
  name text not null
);
insert into tenant values (1, 'default', 'Default hospital');

-- A row is written in the transaction whose effect it announces; payloads hold ids and numbers, never content.
-- It waits here only until the sequencer moves it into stream_event: a short queue of its own instead of an update
-- of a long table (an update writes the row and three index entries again and leaves the old ones to vacuum).
-- The sequencer reads all tenants' rows in one pass, so the key begins with the id.
create table outbox (
  tenant int not null references tenant,
  id bigint generated always as identity,
  topic text not null,
  key uuid,
  payload jsonb not null,
  written_at timestamptz not null default clock_timestamp(),
  primary key (id, tenant)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_truncate = off);

-- The stream as readers see it: seq is dense, and a row with a lower seq never appears after one with a higher.
create table stream_event (
  tenant int not null references tenant,
  seq bigint not null,
  topic text not null,
  key uuid,
  payload jsonb not null,
  written_at timestamptz not null,
  primary key (tenant, seq)
);

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
