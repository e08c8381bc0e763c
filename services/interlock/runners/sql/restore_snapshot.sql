select pg_catalog.pg_export_snapshot() as snapshot,
       pg_catalog.statement_timestamp() as taken_at,
       pg_catalog.pg_is_in_recovery() as standby,
       pg_catalog.to_regnamespace('public') is not null as public
