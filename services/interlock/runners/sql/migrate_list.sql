-- The database's own list of the files that ran in it; a restore carries it along. A row without `ended_at` is of a
-- migration outside of a transaction that was begun: only people can find out what became of it.
create schema interlock_migrate;
create table interlock_migrate.applied (
    migration   text        primary key,
    digest      text        not null,
    began_at    timestamptz not null default pg_catalog.clock_timestamp(),
    ended_at    timestamptz,
    duration_ms bigint      not null default 0
);
