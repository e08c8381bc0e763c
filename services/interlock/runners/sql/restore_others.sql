-- Ends the sessions of everybody else in this database; what the server itself runs there has no user.
select pg_catalog.pg_terminate_backend(pid)
from pg_catalog.pg_stat_activity
where datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid() and usesysid is not null
