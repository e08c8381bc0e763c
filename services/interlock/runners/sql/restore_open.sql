-- Lets everybody in again who was let in before, and forgets that it was closed.
do $$
declare
    one text;
    here text := pg_catalog.quote_ident(pg_catalog.current_database());
begin
    for one in select role from interlock_restore.closed, pg_catalog.unnest(roles) as role loop
        execute 'grant connect on database ' || here || ' to ' || one;
    end loop;
    drop schema interlock_restore cascade;
end
$$
