-- Who is signed in at a browser. The cookie's secret is never here, only its digest. A row outlives its session for as
-- long as an approval that was given through it may be asked about; then it is erased (it tells of a person).

create table identity.session (
    project    text collate "C" not null,
    -- Its public name: what an event's actor names as the credential where an identity provider vouched.
    session    text collate "C" not null,
    digest     bytea            not null,
    principal  text collate "C" not null,
    -- The record's credential whose token was shown; without it, the provider's signed statement instead.
    credential text collate "C",
    proof      text,
    user_agent text             not null,
    begun_at   timestamptz      not null default clock_timestamp(),
    seen_at    timestamptz      not null default clock_timestamp(),
    -- How long it stays open while nobody does anything.
    idle       interval         not null,
    expires_at timestamptz      not null,
    ended_at   timestamptz,
    because    text,
    constraint session_name primary key (project, session),
    constraint session_digest unique (project, digest),
    constraint session_from_one_of_both check ((credential is null) <> (proof is null)),
    constraint session_ended_for_a_reason check ((ended_at is null) = (because is null))
);
alter table identity.session alter column project set statistics 0;
create index session_principal on identity.session (project, principal, begun_at);

-- What still opens something; whoever reads it names the project.
create view identity.open_session as
select session.*, least(session.expires_at, session.seen_at + session.idle) as ends_at, clock_timestamp() as now
  from identity.session as session
 where session.ended_at is null and session.expires_at > clock_timestamp() and session.seen_at + session.idle > clock_timestamp();

grant select, insert, update, delete on identity.session to interlock_app;
grant select on identity.open_session to interlock_app;
