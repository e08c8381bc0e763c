select pg_catalog.current_setting('fsync') as fsync,
       pg_catalog.current_setting('synchronous_commit') as synchronous_commit,
       pg_catalog.pg_is_in_recovery() as standby,
       -- A migration that was interrupted leaves a schema which this role is not let into yet.
       coalesce((select pg_catalog.has_schema_privilege(space.oid, 'usage')
                        and pg_catalog.has_table_privilege(class.oid, 'select')
                   from pg_catalog.pg_class as class
                   join pg_catalog.pg_namespace as space on space.oid = class.relnamespace
                  where space.nspname = 'ledger' and class.relname = 'migration'), false) as migrated
