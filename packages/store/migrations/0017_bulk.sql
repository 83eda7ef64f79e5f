-- Large contents in sealed parts among the objects, and bulk jobs.

-- `digests`: of the sealed parts, in order; all but the last are of part_bytes before sealing. `resource_*`: the version of a
-- Binary whose content it is; of a bulk file there is none.
create table content (
  tenant int not null references tenant,
  id uuid not null,
  resource_id uuid,
  resource_version int,
  patient_id uuid,
  size bigint not null,
  part_bytes int not null,
  digests bytea[] not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (tenant, id)
);
create index content_of_resource on content (tenant, resource_id, resource_version) where resource_id is not null;
create index content_by_patient on content (tenant, patient_id) where patient_id is not null;

-- An export, import or pull. `request`: what was asked, without a value of a patient. `as_of`: what was
-- committed by then an export holds, as it is then or is since. `place`: how far it came. `leased_until`: a process is at it.
create table bulk_job (
  tenant int not null references tenant,
  id uuid not null,
  kind text not null,
  status text not null,
  client_id text,
  user_id uuid,
  patient_id uuid,
  scopes text[] not null default '{}',
  purpose text not null,
  request jsonb not null,
  as_of timestamptz not null default clock_timestamp(),
  place jsonb not null default '{}',
  done bigint not null default 0,
  failed bigint not null default 0,
  reason text,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  expires_at timestamptz,
  leased_until timestamptz,
  primary key (tenant, id)
);
create index bulk_job_waiting on bulk_job (tenant, created_at) where status in ('accepted', 'running');

create table bulk_file (
  tenant int not null references tenant,
  job_id uuid not null,
  n int not null,
  kind text not null,
  type text not null,
  resources bigint not null,
  content_id uuid not null,
  primary key (tenant, job_id, n),
  foreign key (tenant, job_id) references bulk_job (tenant, id) on delete cascade
);
