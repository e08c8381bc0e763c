-- Who may do what. The application adds and reads; nobody but the owner and a superuser could do more, and what those
-- do only proofs and outside witnesses can show.

revoke all on all tables in schema ledger from public;
revoke all on all functions in schema ledger from public;
grant usage on schema ledger to interlock_app, interlock_reader;
grant select on all tables in schema ledger to interlock_app, interlock_reader;
grant insert on ledger.event, ledger.evidence to interlock_app;
grant execute on function ledger.ledger_clock(), ledger.position_at(text, timestamptz)
    to interlock_app, interlock_reader;
-- Refused by the function itself where the database was not created as a test database.
grant execute on function ledger.set_test_clock(timestamptz) to interlock_app;

-- What can be rebuilt, or expires, or must be erasable, has schemas of its own, which the application owns in effect.
create schema read_model;
create schema cursor;
create schema snapshot;
create schema identity;
grant usage, create on schema read_model, cursor, snapshot, identity to interlock_app;
grant usage on schema read_model, cursor to interlock_reader;
alter default privileges for role interlock_app in schema read_model grant select on tables to interlock_reader;
alter default privileges for role interlock_app in schema cursor grant select on tables to interlock_reader;

-- Folded situations. Losing them costs a longer fold at the next start and nothing else.
create table snapshot.folded (
    project  text collate "C" not null,
    kind     text collate "C" not null,
    version  integer          not null,
    position bigint           not null,
    body     bytea            not null,
    constraint folded_kind primary key (project, kind, version)
);
grant select, insert, update, delete on snapshot.folded to interlock_app;
