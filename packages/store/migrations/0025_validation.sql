-- What becomes of messages that make resources which are not valid FHIR, by source (docs/hl7.md, Validation).
alter table source add column validation text not null default 'accept' check (validation in ('accept', 'quarantine', 'reject'));

-- What was not valid, where and how often: elements and rules of FHIR, never a value.
create table validation_issue (
  tenant int not null references tenant,
  source_id int not null,
  expression text not null,
  code text not null,
  severity text not null,
  detail text not null,
  times bigint not null,
  first_message_id uuid not null,
  last_message_id uuid not null,
  last_at timestamptz not null,
  primary key (tenant, source_id, expression, code, severity),
  foreign key (tenant, source_id) references source (tenant, id)
);
