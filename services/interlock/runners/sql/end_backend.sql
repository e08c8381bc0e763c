-- Only a session of this very role and kind: after a restart the number may be anybody's.
select pg_catalog.pg_terminate_backend(pid)
from pg_catalog.pg_stat_activity
where pid = $1 and usename = current_user and application_name = 'interlock-adjust' and pid <> pg_catalog.pg_backend_pid()
