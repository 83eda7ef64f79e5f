-- What policies ask about patients and people: care units, restrictions, emergency access. In clear and never null,
-- because a policy compiled to SQL must decide about a row exactly as it decides about a request.
alter table patient
  add column restricted boolean not null default false,
  add column ai_opt_out boolean not null default false,
  add column research_opt_out boolean not null default false,
  add column vip boolean not null default false;

-- Which units a person or a group works on: `*`, `SITE` or `SITE/WARD`. `subject` is `user:ID` or `group:NAME`.
create table care_assignment (
  tenant int not null references tenant,
  subject text not null,
  unit text not null,
  primary key (tenant, subject, unit)
);

-- Break-glass: access to one patient's group for a while, with a reason (sealed under the patient's key).
create table emergency_access (
  tenant int not null references tenant,
  id uuid not null,
  user_id uuid not null,
  patient_id uuid not null,
  opened_at timestamptz not null,
  until timestamptz not null,
  sealed_reason bytea not null,
  primary key (tenant, id)
);
create index emergency_access_open on emergency_access (tenant, patient_id, until);

-- One row a patient, of the whole group of merged records. A unit treats a patient from admission until three days
-- (of the site's clock) after the end of the stay: letters are written and results come in after discharge.
create view patient_facts as
select p.tenant, p.id as patient_id, p.root_id, f.restricted, f.ai_opt_out, f.research_opt_out, f.vip, u.care_units, e.emergency_for
from patient p
cross join lateral (
  select bool_or(g.restricted) as restricted, bool_or(g.ai_opt_out) as ai_opt_out, bool_or(g.research_opt_out) as research_opt_out, bool_or(g.vip) as vip
  from patient g where g.tenant = p.tenant and g.root_id = p.root_id
) f
cross join lateral (
  select coalesce(array_agg(distinct v.unit order by v.unit), '{}') as care_units
  from patient g
  join stay s on s.tenant = g.tenant and s.patient_id = g.id
  join site t on t.tenant = s.tenant and t.id = s.site_id
  cross join lateral (values ('*'), (t.code), (t.code || '/' || s.ward)) v(unit)
  where g.tenant = p.tenant and g.root_id = p.root_id and v.unit is not null
    and (s.status = 'in-progress' or s.ended_at > coalesce(t.anchor_source_at + (now() - t.anchor_wall_at) * t.clock_rate, now()) - interval '72 hours')
) u
cross join lateral (
  select coalesce(array_agg(distinct a.user_id::text order by a.user_id::text), '{}') as emergency_for
  from patient g
  join emergency_access a on a.tenant = g.tenant and a.patient_id = g.id and a.until > now()
  where g.tenant = p.tenant and g.root_id = p.root_id
) e;
