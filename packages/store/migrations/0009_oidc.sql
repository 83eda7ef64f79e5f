-- The embedded OpenID Connect issuer, SMART apps and service accounts, launches.

-- Who may ask for tokens. `app`: acts for a person, by redirect. `service`: acts for itself, by a key (`jwks`, `jwks_uri`)
-- or a certificate. No client has a shared secret: an app without a key is public (PKCE).
create table client (
  tenant int not null references tenant,
  id text not null,
  name text not null,
  kind text not null,
  redirect_uris text[] not null,
  launch_url text,
  scopes text[] not null,
  purposes text[] not null,
  jwks jsonb,
  jwks_uri text,
  certificate_fingerprint bytea,
  created_at timestamptz not null,
  disabled_at timestamptz,
  primary key (tenant, id)
);
create unique index client_by_certificate on client (tenant, certificate_fingerprint) where certificate_fingerprint is not null;

-- Tokens, codes, sessions and interactions of the issuer, by the digest of what their holder shows.
create table oidc_payload (
  tenant int not null references tenant,
  kind text not null,
  id_digest bytea not null,
  grant_digest bytea,
  uid_digest bytea,
  client_id text,
  user_id uuid,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  consumed_at timestamptz,
  sealed bytea not null,
  primary key (tenant, kind, id_digest)
);
create index oidc_payload_by_grant on oidc_payload (tenant, grant_digest) where grant_digest is not null;
create index oidc_payload_by_uid on oidc_payload (tenant, uid_digest) where uid_digest is not null;
create index oidc_payload_by_expiry on oidc_payload (expires_at);

-- What a person allowed an app, with the patient and stay that were chosen. A token without its grant is void.
create table oidc_grant (
  tenant int not null references tenant,
  id uuid not null,
  grant_digest bytea not null,
  client_id text not null,
  user_id uuid not null,
  scopes text[] not null,
  mfa boolean not null,
  patient_id uuid,
  stay_id uuid,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant, id),
  unique (tenant, grant_digest)
);
create index oidc_grant_by_user on oidc_grant (tenant, user_id);
create index oidc_grant_by_patient on oidc_grant (tenant, patient_id) where patient_id is not null;

-- The issuer's own keys: `sign` (an ES256 or RS256 key pair, as a JWK), `cookie`.
create table oidc_key (
  tenant int not null references tenant,
  id text not null,
  purpose text not null,
  created_at timestamptz not null,
  retired_at timestamptz,
  sealed bytea not null,
  primary key (tenant, id)
);

-- A launch from the console (SMART App Launch, "EHR launch"): who, which app, which stay; used once.
create table smart_launch (
  tenant int not null references tenant,
  token_digest bytea not null,
  client_id text not null,
  user_id uuid not null,
  patient_id uuid not null,
  stay_id uuid not null,
  expires_at timestamptz not null,
  primary key (tenant, token_digest)
);
create index smart_launch_by_patient on smart_launch (tenant, patient_id);
