-- A session's lock, so that the batch inside stays one transaction in one round trip.
select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('interlock ' || $1, 0))
