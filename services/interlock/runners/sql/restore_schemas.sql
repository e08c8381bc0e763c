-- The schemas that hold data: not the server's own, and not Interlock's of this database.
select pg_catalog.quote_ident(nspname) as name
from pg_catalog.pg_namespace
where nspname !~ '^pg_' and nspname not in ('information_schema', 'interlock_adjust', 'interlock_restore')
order by 1
