-- What came in on Kafka and could not be understood: put aside with its own bytes, until a person settles it. It is on
-- the topic of dead letters too; here it can be listed, tried again and discarded.

create schema intake;

create table intake.dead_letter (
    project       text collate "C" not null,
    topic         text collate "C" not null,
    partition     integer          not null,
    "offset"      bigint           not null,
    reason        text             not null,
    source        text,
    request       text,
    key           bytea,
    value         bytea,
    header_names  text[]           not null,
    header_values bytea[]          not null,
    put_aside_at  timestamptz      not null default clock_timestamp(),
    state         text collate "C" not null default 'waiting',
    tries         integer          not null default 1,
    settled_by    text,
    settled_at    timestamptz,
    because       text,
    -- A record that is read twice, after a crash between this row and the group's offset, is put aside once.
    constraint dead_letter_record primary key (project, topic, partition, "offset"),
    constraint dead_letter_state check (state in ('waiting', 'asked', 'settled', 'discarded')),
    constraint dead_letter_headers_pair check (cardinality(header_names) = cardinality(header_values))
);
alter table intake.dead_letter alter column project set statistics 0;
create index dead_letter_asked on intake.dead_letter (project, topic, partition, "offset") where state = 'asked';

grant usage on schema intake to interlock_app, interlock_reader;
grant select, insert, update on intake.dead_letter to interlock_app;
grant select on intake.dead_letter to interlock_reader;
