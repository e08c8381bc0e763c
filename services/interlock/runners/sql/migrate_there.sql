select pg_catalog.to_regclass('interlock_migrate.applied') is not null
