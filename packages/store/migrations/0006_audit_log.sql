-- The Merkle tree over the audit log, its checkpoints and its copies outside.

-- Full tiles of the tree (RFC 6962) as in C2SP tlog-tiles: 256 hashes each; level 0 holds leaves, level n the roots of
-- the tiles of level n - 1, which stand beside them so that a proof reads few rows. What is not full yet follows from the
-- leaves after the last tile. Rows are only ever added: a crash leaves whole tiles.
create table audit_tile (
  tenant int not null references tenant,
  level int not null,
  n bigint not null,
  root bytea not null,
  hashes bytea not null,
  primary key (tenant, level, n)
);
-- Hashes don't compress.
alter table audit_tile alter column hashes set storage external;

-- Signed tree heads (C2SP tlog-checkpoint, with cosignatures once a witness gave them), as they were copied outside.
create table audit_checkpoint (
  tenant int not null references tenant,
  size bigint not null,
  made_at timestamptz not null,
  note text not null,
  primary key (tenant, size)
);

-- Ranges of the log that were copied to an object that is never overwritten; `digest` addresses it and stands in an
-- event of the log itself. Rows may be dropped after the years of retention, and only once `verified_at` says that the
-- copy was read back and compared; their leaves stay in the tiles.
create table audit_segment (
  tenant int not null references tenant,
  from_seq bigint not null,
  to_seq bigint not null,
  digest bytea not null,
  made_at timestamptz not null,
  verified_at timestamptz,
  dropped_at timestamptz,
  primary key (tenant, from_seq)
);

-- Adds to 0002: rows of a segment that is dropped may go, and no others.
create or replace function audit_is_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    if old.seq is null and new.seq is not null
       and (new.tenant, new.id, new.recorded_at, new.actor, new.action, new.outcome, new.purpose, new.leaf, new.sealed)
         = (old.tenant, old.id, old.recorded_at, old.actor, old.action, old.outcome, old.purpose, old.leaf, old.sealed)
       and new.patient_id is not distinct from old.patient_id and new.patient_ids is not distinct from old.patient_ids then
      return new;
    end if;
  elsif tg_op = 'DELETE' then
    if current_setting('primum.audit_dropping', true) = 'on' and exists (
      select 1 from audit_segment s where s.tenant = old.tenant and old.seq between s.from_seq and s.to_seq and s.dropped_at is not null
    ) then
      return old;
    end if;
  end if;
  raise exception 'audit_event is append-only';
end $$;

create function audit_tree_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name;
end $$;
create trigger audit_tile_append_only before update or delete on audit_tile
  for each row execute function audit_tree_is_append_only();
create trigger audit_tile_no_truncate before truncate on audit_tile
  for each statement execute function audit_tree_is_append_only();
create trigger audit_checkpoint_append_only before delete on audit_checkpoint
  for each row execute function audit_tree_is_append_only();

-- The one way to drop rows: a segment whose copy was verified and whose every row is older than `older_than`, which is
-- six years ago at the latest (45 CFR 164.316(b)(2)(i)). Returns how many rows went.
create function audit_drop_segment(of_tenant int, segment_from bigint, older_than timestamptz) returns bigint language plpgsql as $$
declare
  part audit_segment;
  gone bigint;
begin
  select * into part from audit_segment where tenant = of_tenant and from_seq = segment_from for update;
  if part.verified_at is null or part.dropped_at is not null then
    raise exception 'the segment was not verified, or is dropped already';
  end if;
  if older_than > now() - interval '6 years' then
    raise exception 'the audit log is kept for six years at least';
  end if;
  if exists (select 1 from audit_event where tenant = of_tenant and seq between part.from_seq and part.to_seq and recorded_at >= older_than) then
    raise exception 'the segment has younger rows';
  end if;
  update audit_segment set dropped_at = now() where tenant = of_tenant and from_seq = segment_from;
  perform set_config('primum.audit_dropping', 'on', true);
  delete from audit_event where tenant = of_tenant and seq between part.from_seq and part.to_seq;
  get diagnostics gone = row_count;
  perform set_config('primum.audit_dropping', 'off', true);
  return gone;
end $$;
