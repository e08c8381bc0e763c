insert into interlock_migrate.applied (migration, digest, ended_at)
values ($1, $2, case when $3 then pg_catalog.clock_timestamp() end)
