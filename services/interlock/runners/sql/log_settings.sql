select pg_catalog.current_setting('logging_collector')::boolean as collects,
       pg_catalog.current_setting('log_destination') as destination,
       pg_catalog.current_setting('log_statement') as statements,
       pg_catalog.current_setting('log_timezone') as zone,
       array(
           select coalesce('role ' || r.rolname, 'the database ' || d.datname, 'a database')
           from pg_catalog.pg_db_role_setting s
           left join pg_catalog.pg_roles r on r.oid = s.setrole
           left join pg_catalog.pg_database d on d.oid = s.setdatabase
           where exists (
               select from pg_catalog.unnest(s.setconfig) as one
               where one ~ '^log_statement=' and one !~ '^log_statement=(mod|all)$'
           )
           order by 1
       )::text[] as hidden
