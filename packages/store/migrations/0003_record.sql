-- The governed record: sites and their clocks, patients, stays, sealed FHIR resources and the bitemporal timeline.

-- A site's clock: now = anchor_source_at + (wall - anchor_wall_at) * clock_rate, so that time goes on when a feed falls silent.
-- proposed_source_at: a jump of more than a day ahead that waits for a second message to agree.
create table site (
  tenant int not null references tenant,
  id int generated always as identity,
  code text not null,
  name text not null,
  clock_rate double precision not null default 1,
  simulated boolean not null default false,
  anchor_source_at timestamptz,
  anchor_wall_at timestamptz,
  proposed_source_at timestamptz,
  primary key (tenant, id),
  unique (tenant, code)
);

-- `root_id` is the survivor of merges (itself when there was none); a merge never moves facts.
create table patient (
  tenant int not null references tenant,
  id uuid not null,
  site_id int not null,
  root_id uuid not null,
  known_seq bigint not null default 0,
  in_training boolean not null default false,
  created_at timestamptz not null default now(),
  primary key (tenant, id),
  foreign key (tenant, site_id) references site (tenant, id)
);
create index patient_by_root on patient (tenant, root_id);

-- Keyed blind tokens of identifiers; the identifiers themselves are sealed in the Patient resource.
create table patient_identifier (
  tenant int not null references tenant,
  token bytea not null,
  patient_id uuid not null,
  primary key (tenant, token),
  foreign key (tenant, patient_id) references patient (tenant, id)
);

-- Merges and their undoing, append-only: the last row of `from_id` with seq <= pin says whom it belonged to then.
create table patient_link (
  tenant int not null references tenant,
  from_id uuid not null,
  seq bigint not null,
  into_id uuid,
  message_id uuid not null,
  primary key (tenant, from_id, seq)
);
create index patient_link_into on patient_link (tenant, into_id, seq);

-- Drawn under the locks of every patient that a transaction touches, so per patient it grows in commit order.
create sequence known_seq;

create table resource (
  tenant int not null references tenant,
  type text not null,
  id uuid not null,
  version int not null,
  patient_id uuid,
  seq bigint not null,
  message_id uuid,
  recorded_at timestamptz not null default now(),
  deleted boolean not null default false,
  body bytea not null,
  primary key (tenant, type, id, version)
);
-- Partial, so that no plan takes it for a look-up by type and id: one made while the table was empty did, and was kept.
create index resource_by_patient on resource (tenant, patient_id, type, recorded_at) where patient_id is not null;

-- What happened to a stay, append-only; the stay is what its events that were not cancelled add up to.
create table stay_event (
  tenant int not null references tenant,
  stay_id uuid not null,
  seq bigint not null,
  n int not null,
  kind text not null,
  effective_at timestamptz not null,
  detail jsonb not null default '{}',
  cancels_seq bigint,
  cancels_n int,
  message_id uuid,
  primary key (tenant, stay_id, seq, n)
);

create table stay (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid not null,
  site_id int not null,
  visit_token bytea not null,
  status text not null,
  ward text,
  bed text,
  icu boolean not null default false,
  icu_from timestamptz,
  admitted_at timestamptz,
  ended_at timestamptz,
  changed_seq bigint not null,
  primary key (tenant, id),
  unique (tenant, visit_token),
  foreign key (tenant, patient_id) references patient (tenant, id)
);
create index stay_by_patient on stay (tenant, patient_id);
create index stay_open on stay (tenant, site_id, ward, bed) where status = 'in-progress';

-- The patient timeline. Same key, later (seq, n): a correction of the former row. value is in the code's UCUM unit.
-- No foreign key to patient: eight rows a message would each be looked up, in a transaction that holds the patient's lock.
create table fact (
  tenant int not null references tenant,
  patient_id uuid not null,
  seq bigint not null,
  n int not null,
  key uuid not null,
  code text not null,
  value double precision,
  text text,
  effective_at timestamptz not null,
  status text not null,
  flag text,
  message_id uuid,
  primary key (tenant, patient_id, seq, n)
);
