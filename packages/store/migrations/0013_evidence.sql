-- Agreements with business associates, and investigations of breaches.

-- A party outside the house that data may flow to, and what it may get. Append-only but for its end.
create table agreement (
  tenant int not null references tenant,
  id uuid not null,
  party text not null,
  kind text not null,
  scope text not null,
  flows text[] not null,
  valid_from date not null,
  valid_to date,
  recorded_at timestamptz not null,
  recorded_by text not null,
  ended_at timestamptz,
  ended_by text,
  primary key (tenant, id)
);

-- What is suspected, and since when it is known: the clocks of 45 CFR 164.404 and GDPR Article 33 run from discovered_at.
create table breach_case (
  tenant int not null references tenant,
  id uuid not null,
  kind text not null,
  subject text not null,
  from_at timestamptz not null,
  to_at timestamptz not null,
  discovered_at timestamptz not null,
  drill boolean not null,
  status text not null,
  opened_by text not null,
  opened_at timestamptz not null,
  primary key (tenant, id)
);

create table breach_step (
  tenant int not null references tenant,
  case_id uuid not null,
  n int not null,
  event text not null,
  at timestamptz not null,
  actor text not null,
  sealed_note bytea not null,
  primary key (tenant, case_id, n),
  foreign key (tenant, case_id) references breach_case (tenant, id)
);
