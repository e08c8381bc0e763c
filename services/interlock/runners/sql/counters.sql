-- What the open transaction did to each table, as PostgreSQL itself counts: triggers and cascades too. What a savepoint
-- took back is counted as well: more, never less.
select relid::bigint as oid, pg_catalog.format('%I.%I', schemaname, relname) as relation,
       n_tup_ins as inserted, n_tup_upd as updated, n_tup_del as deleted
from pg_catalog.pg_stat_xact_user_tables
where n_tup_ins + n_tup_upd + n_tup_del > 0
