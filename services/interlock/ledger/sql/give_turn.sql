select pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('interlock ' || $1, 0))
