-- The ledger itself: one ordered log per project, what is too large for it, and how far each log is.
-- Everything in this schema is stored for ever; nothing here is ever updated but `head` and `mark`.

create schema ledger;

create table ledger.migration (
    number     integer     not null constraint migration_number primary key,
    name       text        not null,
    checksum   text        not null,
    applied_at timestamptz not null default clock_timestamp()
);

create table ledger.event (
    project        text collate "C" not null,
    position       bigint           not null,
    stream         text collate "C" not null,
    version        bigint           not null,
    type           text collate "C" not null,
    recorded_at    timestamptz      not null,
    -- The canonical bytes: the Merkle leaf, the Kafka value, what auditors export. The columns are copies of it.
    body           bytea            not null,
    -- Only on a command's first row.
    command_id     uuid,
    request_hash   text collate "C",
    command_events integer,
    -- The primary key is the fence: a writer that did not see somebody else's append meets it.
    constraint event_position primary key (project, position),
    constraint event_version unique (project, stream, version),
    constraint event_counts_from_one check (position >= 1 and version >= 1),
    constraint event_body_bytes_max check (octet_length(body) <= 65535),
    constraint event_command_whole check (
        (command_id is null) = (request_hash is null) and (command_id is null) = (command_events is null)
        and (command_events is null or command_events >= 1))
);

-- Kept for ever: the answer to a command that comes again, a year later too, is rebuilt from its events.
create unique index event_command on ledger.event (project, command_id) where command_id is not null;

-- With the project first in every key, a project that statistics do not know would be estimated at one row, and
-- every query for it would scan the whole project (119 ms each, measured). Without statistics the estimate is fair.
alter table ledger.event alter column project set statistics 0;

-- Bodies of about 1.8 kB sit on the TOAST limit: in line they save 10 to 25 microseconds a command.
alter table ledger.event set (toast_tuple_target = 8160);

-- Which project moved, and how far. Moved by the trigger alone; one row a project, so updates stay in their page.
create table ledger.head (
    project     text collate "C" not null constraint head_project primary key,
    position    bigint           not null,
    recorded_at timestamptz      not null
) with (fillfactor = 20);

create table ledger.evidence (
    project     text collate "C" not null,
    digest      text collate "C" not null,
    media_type  text collate "C" not null,
    bytes       bytea            not null,
    constraint evidence_digest primary key (project, digest),
    constraint evidence_bytes_max check (octet_length(bytes) <= 16777216),
    constraint evidence_digest_of_bytes check (digest = 'sha256:' || encode(sha256(bytes), 'hex'))
);
alter table ledger.evidence alter column project set statistics 0;

-- What this database is. `test` is decided when it is created and never changes.
create table ledger.mark (
    only_row   boolean     not null default true constraint mark_only_row primary key,
    test       boolean     not null,
    test_clock timestamptz,
    restoring  boolean     not null default false,
    constraint mark_one_row check (only_row),
    constraint mark_clock_only_in_test check (test or test_clock is null)
);
insert into ledger.mark (test) values (current_setting('interlock.create_test_database')::boolean);
