-- Roles belong to the server: another database's setup may have made them already, or be making them now.
do $$
declare
    name text;
begin
    foreach name in array array['interlock_owner', 'interlock_app', 'interlock_reader'] loop
        begin
            execute pg_catalog.format('create role %I login nosuperuser nocreatedb nocreaterole noreplication', name);
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
    -- What the application creates in its own schemas, the owner may grant on.
    if not pg_catalog.pg_has_role('interlock_owner', 'interlock_app', 'MEMBER') then
        grant interlock_app to interlock_owner;
    end if;
end
$$
