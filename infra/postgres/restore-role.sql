-- The login role that restores data into an environment and migrates its schema: it owns that environment's database,
-- and has no place in production.
--
-- Run it as a superuser in the database of each environment that is restored into (stage, sandbox, sandbox-anton);
-- never in production's. It is plain SQL, and running it twice changes nothing. First say who works with the restored
-- data, in the same session:
--
--     select set_config('interlock.writers', 'shop', false);
--
-- Those roles may read and write all that a restore brings (a restore brings no rights along); adjustments may be
-- rehearsed on it. Afterwards give the login role its password or certificate
-- (`alter role interlock_restore password …`). Where production is on the same server, run dump-role.sql there too:
-- it shuts this role out.

do $$
begin
    create role interlock_restore login;
exception when duplicate_object or unique_violation then
    null;  -- roles belong to the server: another database's setup has made it
end
$$;

alter role interlock_restore login inherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
-- Whoever is connected when a restore begins is asked to leave.
grant pg_signal_backend to interlock_restore;

do $$
declare
    one record;
begin
    execute pg_catalog.format('alter database %I owner to interlock_restore', pg_catalog.current_database());
    for one in
        select nspname from pg_catalog.pg_namespace
        where nspname !~ '^pg_' and nspname not in ('information_schema', 'interlock_adjust')
          and nspowner not in ('interlock_restore'::pg_catalog.regrole, 'pg_database_owner'::pg_catalog.regrole)
    loop
        execute pg_catalog.format('alter schema %I owner to interlock_restore', one.nspname);
    end loop;
end
$$;

-- Rights that everything gets which the role makes from now on.
do $$
declare
    one text;
    writers text[] := array(
        select pg_catalog.btrim(name)
        from pg_catalog.regexp_split_to_table(
            coalesce(pg_catalog.current_setting('interlock.writers', true), ''), ',') as name
        where pg_catalog.btrim(name) <> ''
    );
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'interlock_adjust_tables') then
        writers := writers || 'interlock_adjust_tables'::text;
    end if;
    foreach one in array writers loop
        execute pg_catalog.format('alter default privileges for role interlock_restore grant usage on schemas to %I', one);
        execute pg_catalog.format('alter default privileges for role interlock_restore'
                                  ' grant select, insert, update, delete on tables to %I', one);
        execute pg_catalog.format('alter default privileges for role interlock_restore'
                                  ' grant usage, select on sequences to %I', one);
    end loop;
end
$$;
