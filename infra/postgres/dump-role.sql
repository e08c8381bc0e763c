-- The login role that reads production for a restore elsewhere: it reads everything and writes nothing. And the one
-- that restores (restore-role.sql), where this server knows it, is shut out of this database.
--
-- Run it as a superuser in production's database. It is plain SQL, and running it twice changes nothing. Afterwards
-- give the role its password or certificate (`alter role interlock_dump password …`).
--
-- Note that CONNECT on the database is taken from PUBLIC. Every login role that had it only so gets it by name, but
-- for interlock_restore; roles that are made later need `grant connect`.

do $$
begin
    create role interlock_dump login;
exception when duplicate_object or unique_violation then
    null;
end
$$;

alter role interlock_dump login inherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role interlock_dump set default_transaction_read_only = on;
grant pg_read_all_data to interlock_dump;

do $$
declare
    one record;
begin
    for one in
        select rolname from pg_catalog.pg_roles
        where rolcanlogin and not rolsuper and rolname not in ('interlock_restore')
          and pg_catalog.has_database_privilege(oid, pg_catalog.current_database(), 'CONNECT')
    loop
        execute pg_catalog.format('grant connect on database %I to %I', pg_catalog.current_database(), one.rolname);
    end loop;
    execute pg_catalog.format('revoke all on database %I from public', pg_catalog.current_database());
    if exists (select from pg_catalog.pg_roles where rolname = 'interlock_restore') then
        execute pg_catalog.format('revoke all on database %I from interlock_restore', pg_catalog.current_database());
    end if;
end
$$;
