-- People: second factors, recovery codes, groups, sessions that know how they were begun.

-- A person of another issuer has no password here. `valid_from`: what was issued to this person before it is void.
alter table app_user
  alter column password_hash drop not null,
  add column disabled boolean not null default false,
  add column must_change_password boolean not null default false,
  add column password_changed_at timestamptz not null default now(),
  add column valid_from timestamptz not null default 'epoch';

-- `id` names a session to people; its token is known by digest only. `authenticated_at` is when this person last proved
-- who they are within it. `sealed_client`: address and browser, for the person's own list of sessions.
delete from session; -- whoever is signed in signs in anew
alter table session
  add column id uuid not null,
  add column state text not null,
  add column mfa boolean not null,
  add column method text not null,
  add column authenticated_at timestamptz not null,
  add column sealed_client bytea not null;
create unique index session_by_id on session (tenant, id);
create index session_by_user on session (tenant, user_id);

-- A group is a word that people share: `care_assignment` gives its units.
create table user_group (
  tenant int not null references tenant,
  user_id uuid not null,
  group_name text not null,
  primary key (tenant, user_id, group_name),
  foreign key (tenant, user_id) references app_user (tenant, id) on delete cascade
);
create index user_group_by_name on user_group (tenant, group_name);

-- One a person (RFC 6238). `last_step`: the time step of the last code that was taken, so that none is taken twice.
create table totp_factor (
  tenant int not null references tenant,
  user_id uuid not null,
  sealed_secret bytea not null,
  created_at timestamptz not null,
  confirmed_at timestamptz,
  last_step bigint not null,
  primary key (tenant, user_id),
  foreign key (tenant, user_id) references app_user (tenant, id) on delete cascade
);

-- Credentials of WebAuthn (level 3, section 4): public keys (COSE) with what authenticators said of themselves; base64url.
create table passkey (
  tenant int not null references tenant,
  id uuid not null,
  user_id uuid not null,
  credential_id text not null,
  public_key text not null,
  counter bigint not null,
  transports text[] not null,
  multi_device boolean not null,
  backed_up boolean not null,
  created_at timestamptz not null,
  last_used_at timestamptz,
  primary key (tenant, id),
  unique (tenant, credential_id),
  foreign key (tenant, user_id) references app_user (tenant, id) on delete cascade
);
create index passkey_by_user on passkey (tenant, user_id);

-- Challenges that were answered, until they would have expired anyway: an answer is taken once.
create table used_challenge (
  tenant int not null references tenant,
  digest bytea not null,
  expires_at timestamptz not null,
  primary key (tenant, digest)
);

create table recovery_code (
  tenant int not null references tenant,
  user_id uuid not null,
  token bytea not null,
  used_at timestamptz,
  primary key (tenant, user_id, token),
  foreign key (tenant, user_id) references app_user (tenant, id) on delete cascade
);

-- Who a person is at another issuer; the subject there as a keyed token.
create table external_identity (
  tenant int not null references tenant,
  issuer text not null,
  subject_token bytea not null,
  user_id uuid not null,
  primary key (tenant, issuer, subject_token),
  foreign key (tenant, user_id) references app_user (tenant, id) on delete cascade
);

-- Staff who are patients here: the token of their medical record number, as `patient_identifier` has it.
create table staff_patient (
  tenant int not null references tenant,
  user_id uuid not null,
  identifier_token bytea not null,
  primary key (tenant, user_id),
  foreign key (tenant, user_id) references app_user (tenant, id) on delete cascade
);
create index staff_patient_by_identifier on staff_patient (tenant, identifier_token);
