-- A table's columns for putting rows back: which may be written, which make its key, and whether keys point at it.
select a.attname as name,
       a.attgenerated = '' as writable,
       a.attidentity = 'a' as always,
       coalesce(a.attnum = any (i.indkey), false) as key,
       exists (select from pg_catalog.pg_constraint c where c.contype = 'f' and c.confrelid = a.attrelid) as pointed_at
from pg_catalog.pg_attribute a
left join pg_catalog.pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum
