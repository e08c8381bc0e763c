update interlock_migrate.applied
set duration_ms = $2, ended_at = coalesce(ended_at, pg_catalog.clock_timestamp())
where migration = $1
