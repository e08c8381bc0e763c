-- Takes CONNECT from everybody who has it, and writes down who that was: in the database itself, so that whatever a
-- crash leaves can be opened again. A record that a crashed restore left is kept: it is the older truth.
do $$
declare
    one record;
    roles text[] := '{}';
    here text := pg_catalog.quote_ident(pg_catalog.current_database());
begin
    if pg_catalog.to_regclass('interlock_restore.closed') is not null then
        return;
    end if;
    create schema interlock_restore;
    create table interlock_restore.closed (began_at timestamptz not null, roles text[] not null);
    for one in
        select distinct case when acl.grantee = 0 then 'public' else acl.grantee::pg_catalog.regrole::text end as role
        from pg_catalog.pg_database d
        cross join lateral pg_catalog.aclexplode(
            coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) acl
        where d.datname = pg_catalog.current_database() and acl.privilege_type = 'CONNECT' and acl.grantee <> d.datdba
    loop
        execute 'revoke connect on database ' || here || ' from ' || one.role;
        roles := roles || one.role;
    end loop;
    insert into interlock_restore.closed values (pg_catalog.clock_timestamp(), roles);
end
$$
