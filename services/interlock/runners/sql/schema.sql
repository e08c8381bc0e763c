-- Everything that makes the schema of the database's own schemas, one row a thing: what kind, which, how it is defined.
-- Left out: owners, rights, comments, storage settings, sequences' values, statistics, names that PostgreSQL makes up
-- for NOT NULL, and Interlock's own schemas. Definitions are as this server's version writes them, with
-- every name qualified (the caller has emptied search_path).
with own as (
    select oid, nspname
    from pg_catalog.pg_namespace
    where nspname !~ '^pg_'
      and nspname not in ('information_schema', 'interlock_adjust', 'interlock_migrate', 'interlock_restore')
),
members as (
    -- What an extension brings is told by the extension's version.
    select classid, objid from pg_catalog.pg_depend where deptype = 'e'
),
relation as (
    select c.oid, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relpartbound,
           pg_catalog.format('%I.%I', own.nspname, c.relname) as name
    from pg_catalog.pg_class c join own on own.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
      and not exists (select from members where classid = 'pg_catalog.pg_class'::pg_catalog.regclass and objid = c.oid)
),
thing(kind, name, definition) as (
    select 'schema', pg_catalog.quote_ident(nspname), '' from own
    union all
    select 'extension', extname::text, extversion from pg_catalog.pg_extension
    union all
    select 'relation', name, pg_catalog.concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity,
        pg_catalog.pg_get_partkeydef(oid), pg_catalog.pg_get_expr(relpartbound, oid),
        (select pg_catalog.string_agg(inhparent::pg_catalog.regclass::text, ',' order by inhseqno)
         from pg_catalog.pg_inherits where inhrelid = relation.oid))
    from relation
    union all
    -- The order of columns counts: INSERT without a list of columns depends on it.
    select 'column', relation.name, pg_catalog.string_agg(
        pg_catalog.concat_ws(' ', pg_catalog.quote_ident(a.attname), pg_catalog.format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then 'not null' end,
            case when a.attcollation <> t.typcollation then a.attcollation::pg_catalog.regcollation::text end,
            case when a.attidentity <> '' then 'identity ' || a.attidentity::text end,
            case when a.attgenerated <> '' then 'generated ' || a.attgenerated::text end,
            pg_catalog.pg_get_expr(d.adbin, d.adrelid)), ', ' order by a.attnum)
    from relation
    join pg_catalog.pg_attribute a on a.attrelid = relation.oid and a.attnum > 0 and not a.attisdropped
    join pg_catalog.pg_type t on t.oid = a.atttypid
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    group by relation.name
    union all
    select 'view', name, pg_catalog.pg_get_viewdef(oid) from relation where relkind in ('v', 'm')
    union all
    select 'sequence', name, pg_catalog.concat_ws(' ', s.seqtypid::pg_catalog.regtype, s.seqstart, s.seqincrement,
        s.seqmax, s.seqmin, s.seqcache, s.seqcycle)
    from relation join pg_catalog.pg_sequence s on s.seqrelid = relation.oid
    union all
    select 'constraint', pg_catalog.format('%s %I', coalesce(relation.name, domains.typname::text), c.conname),
        pg_catalog.pg_get_constraintdef(c.oid)
    from pg_catalog.pg_constraint c
    join own on own.oid = c.connamespace
    left join relation on relation.oid = c.conrelid
    left join pg_catalog.pg_type domains on domains.oid = c.contypid
    where c.contype in ('c', 'f', 'p', 'u', 'x')
    union all
    select 'index', relation.name, pg_catalog.pg_get_indexdef(i.indexrelid)
    from relation join pg_catalog.pg_index i on i.indrelid = relation.oid
    union all
    select 'trigger', relation.name, pg_catalog.pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
    from relation join pg_catalog.pg_trigger t on t.tgrelid = relation.oid where not t.tgisinternal
    union all
    select 'rule', relation.name, pg_catalog.pg_get_ruledef(r.oid) || ' ' || r.ev_enabled::text
    from relation join pg_catalog.pg_rewrite r on r.ev_class = relation.oid where r.rulename <> '_RETURN'
    union all
    select 'policy', pg_catalog.format('%s %I', relation.name, p.polname),
        pg_catalog.concat_ws(' ', p.polcmd, p.polpermissive, pg_catalog.pg_get_expr(p.polqual, p.polrelid),
            pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    from relation join pg_catalog.pg_policy p on p.polrelid = relation.oid
    union all
    select 'function', pg_catalog.format('%I.%I(%s)', own.nspname, p.proname,
        pg_catalog.pg_get_function_identity_arguments(p.oid)), pg_catalog.pg_get_functiondef(p.oid)
    from pg_catalog.pg_proc p join own on own.oid = p.pronamespace
    where p.prokind in ('f', 'p', 'w')
      and not exists (select from members where classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and objid = p.oid)
    union all
    select 'type', pg_catalog.format('%I.%I', own.nspname, t.typname), pg_catalog.concat_ws(' ', t.typtype,
        case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end,
        case when t.typnotnull then 'not null' end, t.typdefault,
        (select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ',' order by e.enumsortorder)
         from pg_catalog.pg_enum e where e.enumtypid = t.oid))
    from pg_catalog.pg_type t join own on own.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r')
      and not exists (select from members where classid = 'pg_catalog.pg_type'::pg_catalog.regclass and objid = t.oid)
)
select kind, name, definition
from thing
order by kind collate "C", name collate "C", definition collate "C"
