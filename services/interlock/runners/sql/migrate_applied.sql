select migration, digest, ended_at is not null as ended, duration_ms from interlock_migrate.applied
