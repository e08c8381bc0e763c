select pg_catalog.current_setting('server_version_num')::int as version,
       pg_catalog.pg_is_in_recovery() as standby,
       pg_catalog.current_setting('track_counts')::boolean as counts,
       pg_catalog.current_setting('fsync')::boolean as durable,
       current_user::text as role,
       (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
       exists (
           select from pg_catalog.pg_class
           where relkind = 'f' and pg_catalog.has_table_privilege(oid, 'INSERT, UPDATE, DELETE')
       ) as foreign_writable,
       pg_catalog.to_regclass('interlock_adjust.marker') is not null
           and pg_catalog.to_regclass('interlock_adjust.outcome') is not null as marker
