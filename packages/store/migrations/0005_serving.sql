-- Predictions with their pins, what the alert policy remembers of a stay, and alerts with their events.

-- Every outcome is a row: scored, withheld or ineligible, with its reasons in clinical words. `patient_id` is the root
-- at that moment; `pin_seq` bounds what was known, `as_of` ends the hour that is scored, `now_at` is the source's clock.
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
  tier text not null,
  model_digest bytea not null,
  feature_set_digest bytea not null,
  policy_digest bytea not null,
  code_digest bytea not null,
  runtime text not null,
  inputs_commitment bytea not null,
  sealed bytea not null,
  primary key (tenant, id)
);
create index prediction_by_stay on prediction (tenant, stay_id, as_of, id);
create index prediction_by_patient on prediction (tenant, patient_id, made_at);

-- One row per stay that was ever scored: its last outcome, the last score that was made (a withheld outcome keeps it),
-- the state that the alert policy steps from and the alert that stands. Whoever changes an alert holds this row's lock.
create table stay_risk (
  tenant int not null references tenant,
  stay_id uuid not null,
  patient_id uuid not null,
  prediction_id uuid not null,
  status text not null,
  reasons text[] not null default '{}',
  as_of timestamptz not null,
  scored_id uuid,
  scored_as_of timestamptz,
  probability double precision,
  tier text not null,
  policy_state jsonb not null,
  alert_id uuid,
  ended boolean not null default false,
  primary key (tenant, stay_id)
);
create index stay_risk_by_patient on stay_risk (tenant, patient_id) where not ended;

-- `evidence` are the keys of the facts that its tier rests on, as known at `evidence_seq`.
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
  snoozed_by uuid,
  evidence uuid[] not null default '{}',
  evidence_seq bigint not null,
  evidence_withdrawn_at timestamptz,
  closed_at timestamptz,
  version int not null,
  primary key (tenant, id)
);
create unique index alert_open on alert (tenant, stay_id) where closed_at is null;
create index alert_by_stay on alert (tenant, stay_id);

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

-- Told to the person who acknowledged or snoozed an alert whose evidence changed; stands until they have read it.
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
create index notice_unread on notice (tenant, user_id) where read_at is null;
