-- Who waits for a lock on a relation in this database, and which strong ones the migration's own sessions hold.
select a.pid,
       a.application_name = $1 as ours,
       l.granted,
       l.mode,
       l.relation::pg_catalog.regclass::text as relation,
       coalesce(extract(epoch from pg_catalog.clock_timestamp() - l.waitstart), 0)::float8 as waited,
       exists (
           select from pg_catalog.pg_stat_activity b
           where b.pid = any (pg_catalog.pg_blocking_pids(a.pid)) and b.application_name = $1
       ) as by_ours
from pg_catalog.pg_locks l
join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation'
  and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
  and l.relation >= 16384
  -- Of other roles' sessions most columns are hidden from this one.
  and coalesce(a.backend_type, 'client backend') = 'client backend'
  and (not l.granted
       or (a.application_name = $1
           and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')))
