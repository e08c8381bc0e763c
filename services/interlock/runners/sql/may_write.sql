-- Login roles, other than those in $1, that may write what adjustments write, each with its tables.
select role, superuser, pg_catalog.array_agg(relation order by relation) as relations
from interlock_adjust.may_write
where role <> all ($1::text[])
group by role, superuser
order by role
