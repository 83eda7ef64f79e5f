-- Rights of the persons whose data are kept: objections, restriction, rectification, legal hold, retention, erasure.

-- Objections (FHIR Consent, provision deny), one row for each record of the group at that time, so that the parting of
-- merged records leaves the objection with both. In force from `from_at` up to `until_at` while its status is active.
create table consent (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid not null,
  scope text not null,
  status text not null,
  from_at timestamptz not null,
  until_at timestamptz,
  recorded_at timestamptz not null,
  withdrawn_at timestamptz,
  primary key (tenant, id, patient_id)
);
create index consent_by_patient on consent (tenant, patient_id);

-- Restriction of processing and rectification: what was asked, and what became of it. What is said is sealed.
create table rights_case (
  tenant int not null references tenant,
  id uuid not null,
  kind text not null,
  patient_id uuid not null,
  status text not null,
  opened_at timestamptz not null,
  due_at timestamptz not null,
  changed_at timestamptz not null,
  opened_by uuid not null,
  changed_by uuid not null,
  sealed bytea not null,
  primary key (tenant, id)
);
create index rights_case_by_patient on rights_case (tenant, patient_id);

-- What must not be disposed of: one patient's data, or a whole class of data. The reason is sealed under the patient's
-- key, or the tenant's.
create table legal_hold (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid,
  data_class text,
  placed_at timestamptz not null,
  placed_by uuid not null,
  released_at timestamptz,
  released_by uuid,
  sealed_reason bytea not null,
  primary key (tenant, id),
  check ((patient_id is null) <> (data_class is null))
);
create index legal_hold_standing on legal_hold (tenant, patient_id, data_class) where released_at is null;

-- What a round of the retention job disposed of or archived, by class.
create table retention_run (
  tenant int not null references tenant,
  id uuid not null,
  ran_at timestamptz not null,
  data_class text not null,
  action text not null,
  before_at timestamptz not null,
  rows_done bigint not null,
  held boolean not null,
  primary key (tenant, id)
);
create index retention_run_newest on retention_run (tenant, ran_at);

-- An erasure. `receipt` is signed and tells counts, pseudonyms and key ids.
create table erasure (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid not null,
  status text not null,
  basis text not null,
  requested_at timestamptz not null,
  requested_by uuid not null,
  refusal text,
  refused_until timestamptz,
  decided_at timestamptz,
  decided_by uuid,
  executed_at timestamptz,
  verified_at timestamptz,
  receipt jsonb,
  primary key (tenant, id)
);
create unique index erasure_under_way on erasure (tenant, patient_id) where status in ('requested', 'approved', 'executed');

-- Pseudonyms of what was erased: patients, and the records that are answered for with 410 from now on. A database that
-- is restored from before is cleaned by the keys' own tombstones; this says so to whoever asks.
create table erased_patient (
  tenant int not null references tenant,
  patient_id uuid not null,
  erasure_id uuid,
  at timestamptz not null,
  primary key (tenant, patient_id)
);
create table erased_record (
  tenant int not null references tenant,
  id uuid not null,
  patient_id uuid not null,
  primary key (tenant, id)
);

-- A model that was trained on an erased person: keep, retrain or retire, decided before `due_at`.
create table model_decision (
  tenant int not null references tenant,
  id uuid not null,
  erasure_id uuid not null,
  model_digest bytea not null,
  model_name text not null,
  opened_at timestamptz not null,
  due_at timestamptz not null,
  decision text,
  decided_at timestamptz,
  decided_by uuid,
  sealed_reason bytea,
  primary key (tenant, id),
  unique (tenant, erasure_id, model_digest)
);
