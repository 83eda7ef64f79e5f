-- Rules of data quality and their findings. Ids, codes and counts only: a value that was found wrong stays where it was written.
-- source_id 0: written over FHIR, by no registered source.

-- What a rule found. Of one rule, source and hour the first few are kept; all of them are counted in quality_count.
-- A silent feed is a finding that ends: resolved_at.
create table quality_finding (
  tenant int not null references tenant,
  id uuid not null,
  rule text not null,
  kind text not null,
  source_id int not null,
  patient_id uuid,
  code text,
  fact_key uuid,
  message_id uuid,
  found_at timestamptz not null,
  resolved_at timestamptz,
  primary key (tenant, id)
);
create index quality_finding_newest on quality_finding (tenant, found_at);
create index quality_finding_by_patient on quality_finding (tenant, patient_id) where patient_id is not null;
create unique index quality_silent_once on quality_finding (tenant, source_id) where kind = 'silent' and resolved_at is null;

create table quality_count (
  tenant int not null references tenant,
  source_id int not null,
  rule text not null,
  hour timestamptz not null,
  found bigint not null,
  primary key (tenant, source_id, rule, hour)
);

-- What scores are made of, by source and hour of arrival; `messages` is also what the rhythm of a feed is learned from.
create table quality_hour (
  tenant int not null references tenant,
  source_id int not null,
  hour timestamptz not null,
  messages bigint not null default 0,
  refused bigint not null default 0,
  facts bigint not null default 0,
  missing bigint not null default 0,
  flagged bigint not null default 0,
  timed bigint not null default 0,
  late bigint not null default 0,
  inconsistent bigint not null default 0,
  primary key (tenant, source_id, hour)
);

-- Where the watch on a feed stands. worst: the longest gap of each of the last days, in messages that were expected within it.
create table quality_feed (
  tenant int not null references tenant,
  source_id int not null,
  received bigint not null,
  since timestamptz not null,
  last_at timestamptz not null,
  worst double precision[] not null default '{}',
  worst_today double precision not null default 0,
  today date not null,
  silent_since timestamptz,
  primary key (tenant, source_id)
);
