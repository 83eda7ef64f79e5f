-- Subscriptions and what was delivered.

-- One is its creator's: a client, or a person through an app (`user_id`, with the patient that the token was bound to).
-- `sealed`: the resource, with endpoint, headers and the values of filters. Events up to `last_number` have happened since
-- it began; those up to `delivered_number` are done with. `missed`: of them those that were not kept because too many waited.
-- `leased_until`: a process is at it.
create table subscription (
  tenant int not null references tenant,
  id uuid not null,
  version int not null,
  client_id text not null,
  user_id uuid,
  patient_id uuid,
  scopes text[] not null,
  purpose text not null,
  topic text,
  resource_type text not null,
  channel text not null,
  content text not null,
  heartbeat_s int,
  timeout_s int not null,
  max_count int not null,
  status text not null,
  reason text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  ends_at timestamptz,
  handshake_at timestamptz,
  last_number bigint not null default 0,
  delivered_number bigint not null default 0,
  missed bigint not null default 0,
  withheld bigint not null default 0,
  failures int not null default 0,
  last_sent_at timestamptz,
  next_attempt_at timestamptz,
  leased_until timestamptz,
  sealed bytea not null,
  primary key (tenant, id)
);
create index subscription_by_client on subscription (tenant, client_id);
create index subscription_by_patient on subscription (tenant, patient_id) where patient_id is not null;

-- A number is given once, in order, before anything is sent. Rows of a patient go with them, which leaves a gap.
create table subscription_event (
  tenant int not null references tenant,
  subscription_id uuid not null,
  number bigint not null,
  type text not null,
  resource_id uuid not null,
  version int not null,
  interaction text not null,
  patient_id uuid,
  at timestamptz not null default now(),
  primary key (tenant, subscription_id, number),
  foreign key (tenant, subscription_id) references subscription (tenant, id) on delete cascade
);
create index subscription_event_by_patient on subscription_event (tenant, patient_id) where patient_id is not null;
