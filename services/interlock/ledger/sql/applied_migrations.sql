select migration.number, migration.name, migration.checksum from ledger.migration as migration order by migration.number
