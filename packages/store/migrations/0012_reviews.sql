-- The privacy office's queue, and what the snooping detector remembers between two looks at the audit log.

-- One thing to be reviewed: an emergency access, or a finding of the detector. `day` is the UTC day of what happened:
-- while an item stands undecided, more of the same person, patient, kind and day joins it instead of making another.
-- `user_id` is the person's where one is known; `until` ends an emergency access. `detail`: the numbers a rule rests on.
create table review_item (
  tenant int not null references tenant,
  id uuid not null,
  kind text not null,
  actor text not null,
  user_id uuid,
  patient_id uuid,
  day date not null,
  at timestamptz not null,
  until timestamptz,
  due_at timestamptz not null,
  opened_at timestamptz not null default clock_timestamp(),
  audit_event_ids uuid[] not null,
  score double precision not null,
  detail jsonb not null default '{}',
  status text not null default 'open',
  version int not null default 1,
  decided_at timestamptz,
  decided_by text,
  sealed_note bytea,
  primary key (tenant, id)
);
create unique index review_undecided on review_item (tenant, actor, patient_id, kind, day) nulls not distinct
  where status in ('open', 'needs-more') and kind <> 'emergency-access';
create index review_by_status on review_item (tenant, status, due_at);
create index review_by_patient on review_item (tenant, patient_id) where patient_id is not null;
create index review_by_actor on review_item (tenant, actor, kind, at);

-- How far the detector has read the audit log.
create table review_progress (
  tenant int primary key references tenant,
  seq bigint not null
);

-- How many patients a person looked at in an hour: what is usual for them, and for their role.
create table access_hour (
  tenant int not null references tenant,
  actor text not null,
  hour timestamptz not null,
  patients int not null,
  primary key (tenant, actor, hour)
);
create index access_hour_by_time on access_hour (tenant, hour);

-- Looks at patients whom the person's units did not treat: asked again later, when a transfer may have explained them.
create table relationship_check (
  tenant int not null references tenant,
  actor text not null,
  patient_id uuid not null,
  day date not null,
  user_id uuid not null,
  at timestamptz not null,
  ask_again_at timestamptz not null,
  audit_event_ids uuid[] not null,
  primary key (tenant, actor, patient_id, day)
);
create index relationship_check_due on relationship_check (tenant, ask_again_at);

-- Keyed tokens of a patient's surnames and addresses, made when staff first look at them: equality only.
create table patient_household (
  tenant int not null references tenant,
  patient_id uuid not null,
  version int not null,
  surname_tokens bytea[] not null,
  address_tokens bytea[] not null,
  primary key (tenant, patient_id)
);
create index patient_household_surnames on patient_household using gin (surname_tokens);
