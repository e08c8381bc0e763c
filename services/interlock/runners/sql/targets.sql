-- The tables that are meant by the names in $1, with their partitions and heirs: all of them may be touched.
-- `reads` are those that are read for the backup; a partition is read through the partitioned table above it.
with recursive named as (
    select name, pg_catalog.to_regclass(name)::pg_catalog.oid as oid from pg_catalog.unnest($1::text[]) as name
),
tree(oid, name) as (
    select oid, name from named where oid is not null
    union
    select i.inhrelid, tree.name from pg_catalog.pg_inherits i join tree on tree.oid = i.inhparent
)
select named.name as asked, null::bigint as oid, null::text as relation, null::text as kind, false as reads,
       false as writable
from named where oid is null
union all
select tree.name, c.oid::bigint, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind::text,
       not (c.relispartition and exists (
           select from pg_catalog.pg_inherits i where i.inhrelid = c.oid and i.inhparent in (select t.oid from tree t)
       )),
       n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'interlock_adjust')
from tree
join pg_catalog.pg_class c on c.oid = tree.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
order by 3, 1
