-- Search: one row for each current, not deleted resource; it goes when the resource is deleted or its patient is erased.

-- `tokens`: every token, reference, string and uri value as a 64-bit token (record/src/search). `ranges_*`: date, number
-- and quantity values as [lo, hi] by parameter; epoch milliseconds for dates, canonical units for quantities.
-- `at`, `at_end`: the type's main clinical date, which lists are cut and sorted by.
create table resource_search (
  tenant int not null references tenant,
  type text not null,
  id uuid not null,
  version int not null,
  patient_id uuid,
  seq bigint not null,
  recorded_at timestamptz not null,
  at timestamptz,
  at_end timestamptz,
  tokens bigint[] not null,
  range_param int[] not null default '{}',
  range_lo double precision[] not null default '{}',
  range_hi double precision[] not null default '{}',
  primary key (tenant, type, id)
);
-- Which values are frequent decides between the list in order and the index of values.
alter table resource_search alter column tokens set statistics 300;
-- What was written lately lies in a list that every search reads: short enough for it, long enough for writers (of 4 MB
-- a search took 14 ms, of 512 kB 1 ms; without a list writing took six times as long).
create index resource_search_tokens on resource_search using gin (tokens) with (gin_pending_list_limit = 512);
create index resource_search_recorded on resource_search (tenant, type, recorded_at, id);
-- Both null: no such date. One of them null: the period is open there, which the expressions say.
create index resource_search_at on resource_search (tenant, type, (coalesce(at, '-infinity')), id);
create index resource_search_at_end on resource_search (tenant, type, (coalesce(at_end, 'infinity')));
create index resource_search_patient on resource_search (tenant, patient_id, type) where patient_id is not null;

-- History of a type, and of all.
create index resource_by_seq on resource (tenant, type, seq, id);

-- Whom a unit treated lately: a list of many patients begins with these few.
create index stay_ended on stay (tenant, site_id, ended_at) where ended_at is not null;
