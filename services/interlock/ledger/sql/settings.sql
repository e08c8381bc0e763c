select pg_catalog.current_setting('fsync') as fsync,
       pg_catalog.current_setting('synchronous_commit') as synchronous_commit,
       pg_catalog.pg_is_in_recovery() as standby,
       pg_catalog.to_regclass('ledger.migration') is not null as migrated
