-- Who outside is told what happens: endpoints, how far each was told, and the messages on their way to it.

create schema notify;

create table notify.endpoint (
    project    text collate "C" not null,
    name       text collate "C" not null,
    -- The address may hold a token, and the secret signs: neither is ever shown.
    url        text             not null,
    secret     bytea            not null,
    kinds      text[]           not null,
    -- What was recorded up to here was made into messages, or is of no kind that is asked for.
    position   bigint           not null,
    delivered  bigint           not null default 0,
    told_at    timestamptz,
    added_by   text             not null,
    added_at   timestamptz      not null default clock_timestamp(),
    -- It said that it is gone for good: nothing is sent until somebody asks again.
    gone       boolean          not null default false,
    constraint endpoint_name primary key (project, name)
);
alter table notify.endpoint alter column project set statistics 0;

create table notify.message (
    project    text collate "C" not null,
    id         text collate "C" not null,
    endpoint   text collate "C" not null,
    kind       text collate "C" not null,
    -- The event that it tells of; 0 where somebody only tries.
    position   bigint           not null,
    body       bytea            not null,
    state      text collate "C" not null default 'waiting',
    tries      integer          not null default 0,
    next_at    timestamptz      not null default clock_timestamp(),
    made_at    timestamptz      not null default clock_timestamp(),
    last_error text,
    constraint message_id primary key (project, id),
    constraint message_endpoint foreign key (project, endpoint) references notify.endpoint (project, name)
        on delete cascade,
    constraint message_state check (state in ('waiting', 'failed'))
);
alter table notify.message alter column project set statistics 0;
create index message_due on notify.message (project, endpoint, state, next_at);

grant usage on schema notify to interlock_app;
grant select, insert, update, delete on notify.endpoint, notify.message to interlock_app;
