-- Predictions with their pins, and alerts as the alert policy's states and events.
create table prediction (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid not null,
  stay_id uuid not null,
  pin_seq bigint not null,
  as_of timestamptz not null,
  now_at timestamptz not null,
  made_at timestamptz not null default clock_timestamp(),
  trigger text not null,
  status text not null,
  reasons text[] not null default '{}',
  probability double precision,
  margin double precision,
  model_digest bytea not null,
  feature_set_digest bytea not null,
  policy_digest bytea not null,
  code_digest bytea not null,
  runtime text not null,
  inputs_commitment bytea not null,
  sealed bytea not null,
  primary key (tenant, id)
);
create index prediction_by_stay on prediction (tenant, stay_id, as_of, made_at);
create index prediction_by_patient on prediction (tenant, patient_id, made_at);

-- What the alert policy remembers of a stay between two scores.
create table alert_state (
  tenant int not null references tenant,
  stay_id uuid not null,
  state jsonb not null,
  prediction_id uuid not null,
  primary key (tenant, stay_id)
);

create table alert (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid not null,
  stay_id uuid not null,
  tier text not null,
  status text not null,
  raised_at timestamptz not null,
  raised_by uuid not null,
  owner_id uuid,
  acknowledged_at timestamptz,
  acknowledged_as text,
  handed_to text,
  snoozed_until timestamptz,
  evidence_withdrawn_at timestamptz,
  closed_at timestamptz,
  version int not null,
  primary key (tenant, id)
);
create index alert_open on alert (tenant, stay_id) where closed_at is null;

create table alert_event (
  tenant int not null references tenant,
  alert_id uuid not null,
  n int not null,
  kind text not null,
  at timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  actor text not null,
  prediction_id uuid,
  detail jsonb not null default '{}',
  primary key (tenant, alert_id, n)
);

-- Told to the person who acknowledged an alert whose evidence changed; stands until they have read it.
create table notice (
  tenant int not null references tenant,
  id uuid not null,
  user_id uuid not null,
  alert_id uuid not null,
  patient_id uuid not null,
  kind text not null,
  created_at timestamptz not null default clock_timestamp(),
  read_at timestamptz,
  primary key (tenant, id)
);
