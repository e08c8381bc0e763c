-- Whatever holds rows of its own: tables, partitions, materialized views.
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'interlock_adjust', 'interlock_restore')
order by 1
