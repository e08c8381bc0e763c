-- The login role that adjustments of data use, and what it may do: nothing but what an adjustment needs.
--
-- Run it as a superuser (or as a role that may create roles and owns the database) in each database where data is
-- adjusted or rehearsed; again whenever the list of tables changes. It is plain SQL, and running it twice changes
-- nothing. First say which tables may be adjusted, in the same session:
--
--     select set_config('interlock.tables', 'trades.fills, trades.orders', false);
--
-- Tables that the list no longer names lose the rights. Afterwards, outside of this file, give the login role its
-- password or certificate (`alter role interlock_adjust password …`), and let persons in by the reading role alone:
--
--     create role anna login in role interlock_people;
--
-- interlock_adjust_owner   owns the schema of the markers; nobody logs in as it
-- interlock_adjust_tables  holds the rights on the tables that may be adjusted; nobody logs in as it
-- interlock_adjust         the login role of Interlock's runner
-- interlock_people         what persons' login roles are members of: it reads, and writes nothing
--
-- Note that TEMPORARY on the database and CREATE on the schema public are taken from PUBLIC: a role that may create
-- tables could put one in the way of a name. Grant them to the application's own role where it needs them.

do $$
declare
    name text;
begin
    foreach name in array array['interlock_adjust_owner', 'interlock_adjust_tables', 'interlock_people'] loop
        begin
            execute pg_catalog.format('create role %I nologin', name);
        exception when duplicate_object or unique_violation then
            null;  -- roles belong to the server: another database's setup has made it
        end;
    end loop;
    begin
        create role interlock_adjust login;
    exception when duplicate_object or unique_violation then
        null;
    end;
end
$$;

alter role interlock_adjust_owner nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role interlock_adjust_tables nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role interlock_people nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
-- Two sessions are one adjustment; a third one settles what became of another.
alter role interlock_adjust login inherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls
    connection limit 10;
grant interlock_adjust_tables to interlock_adjust;

do $$
begin
    execute pg_catalog.format('revoke temporary, create on database %I from public', pg_catalog.current_database());
    execute pg_catalog.format('grant connect on database %I to interlock_adjust, interlock_people',
                              pg_catalog.current_database());
    if pg_catalog.to_regnamespace('public') is not null then
        revoke create on schema public from public;
    end if;
end
$$;

-- The markers: rows are added and read, never changed. What an adjustment's transaction did is decided by them.
create schema if not exists interlock_adjust authorization interlock_adjust_owner;

create table if not exists interlock_adjust.marker (
    marker       text        primary key,
    kind         text        not null check (kind in ('executed', 'rolled_back')),
    adjustment   text        not null,
    bound_digest text,
    written_at   timestamptz not null default pg_catalog.clock_timestamp(),
    written_by   text        not null default session_user
);

create table if not exists interlock_adjust.outcome (
    marker      text   primary key references interlock_adjust.marker,
    statements  text   not null,
    rows        bigint not null,
    before      text   not null,
    after       text   not null,
    duration_ms bigint not null
);

-- Who else may write what adjustments write: should be the application's roles and no person's. Superusers are shown
-- too: they always may.
create or replace view interlock_adjust.may_write as
select r.rolname as role, r.rolsuper as superuser, t.relation
from pg_catalog.pg_roles r
cross join (
    select distinct pg_catalog.format('%I.%I', n.nspname, c.relname) as relation, c.oid
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join lateral pg_catalog.aclexplode(c.relacl) acl
    join pg_catalog.pg_roles holder on holder.oid = acl.grantee and holder.rolname = 'interlock_adjust_tables'
    where c.relkind in ('r', 'p')
) t
where r.rolcanlogin and r.rolname <> 'interlock_adjust'
  and pg_catalog.has_table_privilege(r.oid, t.oid, 'INSERT, UPDATE, DELETE, TRUNCATE');

alter table interlock_adjust.marker owner to interlock_adjust_owner;
alter table interlock_adjust.outcome owner to interlock_adjust_owner;
alter view interlock_adjust.may_write owner to interlock_adjust_owner;

revoke all on schema interlock_adjust from public;
revoke all on all tables in schema interlock_adjust from public, interlock_adjust, interlock_people;
grant usage on schema interlock_adjust to interlock_adjust, interlock_people;
grant select on all tables in schema interlock_adjust to interlock_adjust, interlock_people;
-- Column by column: who wrote a marker, and when, is the server's word.
grant insert (marker, kind, adjustment, bound_digest) on interlock_adjust.marker to interlock_adjust;
grant insert (marker, statements, rows, before, after, duration_ms) on interlock_adjust.outcome to interlock_adjust;

-- The tables: exactly those that are named, with the sequences that belong to their columns.
do $$
declare
    wanted oid[] := array(
        select pg_catalog.btrim(name)::pg_catalog.regclass::oid
        from pg_catalog.regexp_split_to_table(
            coalesce(pg_catalog.current_setting('interlock.tables', true), ''), ',') as name
        where pg_catalog.btrim(name) <> ''
    );
    one record;
begin
    for one in
        select distinct c.oid::pg_catalog.regclass as relation, c.relkind
        from pg_catalog.pg_class c cross join lateral pg_catalog.aclexplode(c.relacl) acl
        where acl.grantee in ('interlock_adjust_tables'::pg_catalog.regrole,
                              'interlock_people'::pg_catalog.regrole)
          and c.relnamespace <> 'interlock_adjust'::pg_catalog.regnamespace and not c.oid = any (wanted)
    loop
        execute pg_catalog.format('revoke all on %s %s from interlock_adjust_tables, interlock_people',
                                  case when one.relkind = 'S' then 'sequence' else 'table' end, one.relation);
    end loop;
    for one in
        select c.oid::pg_catalog.regclass as relation, n.nspname as schema
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = any (wanted)
    loop
        execute pg_catalog.format('grant usage on schema %I to interlock_adjust_tables, interlock_people', one.schema);
        execute pg_catalog.format('grant select, insert, update, delete on %s to interlock_adjust_tables',
                                  one.relation);
        execute pg_catalog.format('grant select on %s to interlock_people', one.relation);
    end loop;
    for one in
        select d.objid::pg_catalog.regclass as relation
        from pg_catalog.pg_depend d join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
        where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = any (wanted)
          and d.deptype in ('a', 'i')
    loop
        execute pg_catalog.format('grant usage on sequence %s to interlock_adjust_tables', one.relation);
    end loop;
end
$$;
