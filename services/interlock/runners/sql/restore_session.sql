-- What must be so before a database is emptied.
select pg_catalog.current_setting('server_version_num')::int as version,
       pg_catalog.pg_is_in_recovery() as standby,
       current_user::text as role,
       (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
       (select pg_catalog.pg_has_role(datdba, 'USAGE') from pg_catalog.pg_database
        where datname = pg_catalog.current_database()) as owner
