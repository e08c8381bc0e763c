-- Nobody but the owner may create anything that could stand in the ledger's way. A database made from a template does
-- not inherit these rights, so every set-up and every start of a migration says them again.
do $$
begin
    execute pg_catalog.format('revoke all on database %I from public, interlock_app, interlock_reader',
                              pg_catalog.current_database());
    execute pg_catalog.format('grant connect on database %I to interlock_owner, interlock_app, interlock_reader',
                              pg_catalog.current_database());
end
$$;
revoke all on schema public from public;
