-- Whether the login role that restores could get into another database of this server; null where there is none.
select rolsuper or pg_catalog.has_database_privilege(rolname, datname, 'CONNECT')
from pg_catalog.pg_roles cross join pg_catalog.pg_database
where rolname = current_user and datname = $1
