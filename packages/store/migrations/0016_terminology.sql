-- Code systems that a hospital loads from its own files (LOINC, SNOMED CT, …). Nothing here is of a patient.

-- Which are loaded; without a row its concepts are not seen.
create table terminology_system (
  tenant int not null references tenant,
  system text not null,
  version text not null,
  name text,
  concepts int not null,
  loaded_at timestamptz not null,
  primary key (tenant, system, version)
);

create table terminology_concept (
  tenant int not null,
  system text not null,
  version text not null,
  code text not null,
  display text not null,
  parents text[] not null,
  primary key (tenant, system, version, code)
);

-- The way down; the way up is `parents`.
create table terminology_child (
  tenant int not null,
  system text not null,
  version text not null,
  parent text not null,
  code text not null,
  primary key (tenant, system, version, parent, code)
);
