-- Users, sessions and the audit log.
create table app_user (
  tenant int not null references tenant,
  id uuid not null,
  username text not null,
  display_name text not null,
  role text not null,
  password_hash text not null,
  failed_attempts int not null default 0,
  locked_until timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant, id),
  unique (tenant, username)
);

create table session (
  tenant int not null references tenant,
  token_digest bytea not null,
  user_id uuid not null,
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant, token_digest),
  foreign key (tenant, user_id) references app_user (tenant, id) on delete cascade
);

-- One leaf per event, in the shape that an RFC 6962 tree over it needs: `leaf` commits to the event under a salt
-- (salts and events are sealed, so that erasing an event leaves its leaf), `seq` is given after commit.
-- In clear, for the auditor's questions (who, what, why, about whom, when): ids and codes, never content.
-- `id` is a UUIDv7 of `recorded_at`, so the primary key is the order in time. `patient_ids` only where several.
create table audit_event (
  tenant int not null references tenant,
  id uuid not null,
  seq bigint,
  recorded_at timestamptz not null,
  actor text not null,
  action text not null,
  outcome text not null,
  purpose text not null,
  patient_id uuid,
  patient_ids uuid[],
  leaf bytea not null,
  sealed bytea not null,
  primary key (tenant, id)
);
create index audit_unnumbered on audit_event (tenant, id) where seq is null;
create unique index audit_numbered on audit_event (tenant, seq) where seq is not null;
create index audit_by_patient on audit_event (tenant, patient_id, id) where patient_id is not null;
create index audit_by_patients on audit_event using gin (patient_ids) where patient_ids is not null;
create index audit_by_person on audit_event (tenant, actor, id) where actor not like 'system:%';

create table audit_head (
  tenant int primary key references tenant,
  seq bigint not null
);
insert into audit_head values (1, 0);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.seq is null and new.seq is not null
     and (new.tenant, new.id, new.recorded_at, new.actor, new.action, new.outcome, new.purpose, new.leaf, new.sealed)
       = (old.tenant, old.id, old.recorded_at, old.actor, old.action, old.outcome, old.purpose, old.leaf, old.sealed)
     and new.patient_id is not distinct from old.patient_id and new.patient_ids is not distinct from old.patient_ids then
    return new;
  end if;
  raise exception 'audit_event is append-only';
end $$;
create trigger audit_append_only before update or delete on audit_event
  for each row execute function audit_is_append_only();
create trigger audit_no_truncate before truncate on audit_event
  for each statement execute function audit_is_append_only();
