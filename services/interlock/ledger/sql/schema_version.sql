select coalesce(max(migration.number), 0) from ledger.migration as migration
