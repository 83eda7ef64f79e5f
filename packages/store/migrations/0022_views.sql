-- SQL on FHIR: views whose rows are kept up to date, so that a large one is read without being made again.

-- `view_version`: of the ViewDefinition that the rows are of; another version begins anew. `upto_*`: how far the first
-- filling came, null once it is done; what changes meanwhile is refreshed from the outbox all the same.
create table kept_view (
  tenant int not null references tenant,
  view_id uuid not null,
  view_version int not null,
  type text not null,
  upto_seq bigint,
  upto_id uuid,
  kept_at timestamptz not null default clock_timestamp(),
  failed text,
  primary key (tenant, view_id)
);

-- The rows of one resource, sealed under its patient's key. A resource without rows has none.
create table kept_view_rows (
  tenant int not null references tenant,
  view_id uuid not null,
  resource_id uuid not null,
  patient_id uuid,
  seq bigint not null,
  sealed bytea not null,
  primary key (tenant, view_id, resource_id),
  foreign key (tenant, view_id) references kept_view (tenant, view_id) on delete cascade
);
create index kept_view_rows_patient on kept_view_rows (tenant, patient_id) where patient_id is not null;
