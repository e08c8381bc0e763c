-- The same checks, each for a whole batch at once. A loop over the rows started an executor for every row, and what is
-- asked of a batch took a statement each: half of what PostgreSQL did for a batch of 64.

create or replace function ledger.check_order() returns trigger
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    CLOCK_TOLERANCE_MS constant integer := 2000;
    batch record;
    told  text;
begin
    select a.*, m.restoring, coalesce(m.test_clock, clock_timestamp()) as clock into strict batch
      from ledger.mark as m,
           (select count(*) as events, min(b.project) as project, max(b.project) as last_project,
                   min(b.position) as first, max(b.position) as last,
                   min(b.recorded_at) as at, max(b.recorded_at) as last_at
              from appended as b) as a;
    if batch.events = 0 or batch.restoring then
        return null;
    end if;
    if batch.project <> batch.last_project or batch.at <> batch.last_at then
        raise exception using errcode = 'IL003', message = 'a batch has one project and one instant';
    end if;
    -- An acknowledgement is a promise; a server told not to keep it may not give one.
    if current_setting('fsync') = 'off' or current_setting('synchronous_commit') = 'off' then
        raise exception using errcode = 'IL010', message = 'this server may lose what it acknowledged';
    end if;
    if batch.last - batch.first + 1 <> batch.events then
        raise exception using errcode = 'IL001', message = 'positions have no gaps';
    end if;

    -- Following the last position, and moving the head there, is one step: two batches cannot both do it.
    update ledger.head as head set position = batch.last, recorded_at = batch.at
     where head.project = batch.project and head.position = batch.first - 1 and head.recorded_at <= batch.at;
    if not found then
        perform ledger.open_project(batch.project, batch.first, batch.last, batch.at);
    end if;
    if batch.at not between batch.clock - CLOCK_TOLERANCE_MS * interval '1 millisecond'
                        and batch.clock + CLOCK_TOLERANCE_MS * interval '1 millisecond' then
        raise exception using errcode = 'IL002', message = 'the batch is stamped too far from the ledger''s clock',
            detail = batch.clock::text;
    end if;
    -- An assignment, because `perform` would start an executor for it.
    told := pg_notify('interlock', batch.project);
    return null;
end
$$;

create or replace function ledger.check_rows() returns trigger
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    batch record;
begin
    -- A missing field makes a comparison null, which is not true. `offset 0`: each body is read once. What a row refers
    -- to is found by an index, row by row: by equality alone, so that no plan reads a whole project for it (see 0008).
    select count(*) as events, coalesce(sum(d.command_events), 0) as of_commands, min(d.position) as first,
           min(d.position) filter (where d.same is not true) as differs,
           min(d.position) filter (where d.follows is not true) as leaves_a_gap,
           min(d.position) filter (where d.belongs is not true) as strays
      into strict batch
      from (select c.position, c.command_events,
                   c.doc -> 'project' = to_jsonb(c.project) and c.doc -> 'position' = to_jsonb(c.position)
                   and c.doc -> 'stream' = to_jsonb(c.stream) and c.doc -> 'version' = to_jsonb(c.version)
                   and c.doc -> 'type' = to_jsonb(c.type)
                   and (c.doc ->> 'recorded_at')::timestamptz = c.recorded_at and c.doc ->> 'recorded_at' like '%Z'
                   and (c.command_id is null
                        or c.doc ->> 'command_id' = c.command_id::text
                           and c.doc ->> 'request_hash' = c.request_hash) as same,
                   c.version = 1
                   or (select before.position < c.position from ledger.event as before
                        where before.project = c.project and before.stream = c.stream
                          and before.version = c.version - 1) as follows,
                   case when c.command_id is not null then c.doc -> 'ordinal' = '0'
                        -- Between two numbers there are only numbers; a batch has fewer rows than that.
                        when c.doc -> 'ordinal' > '0' and c.doc -> 'ordinal' < '100000' then
                            c.doc -> 'ordinal' = to_jsonb((c.doc -> 'ordinal')::bigint)
                            and (select (c.doc -> 'ordinal')::bigint < begins.command_events
                                        and c.doc ->> 'command_id' = begins.command_id::text
                                   from ledger.event as begins
                                  where begins.project = c.project
                                    and begins.position = c.position - (c.doc -> 'ordinal')::bigint)
                    end as belongs
              from (select a.*, convert_from(a.body, 'UTF8')::jsonb as doc from appended as a offset 0) as c
             offset 0) as d;
    if batch.differs is not null then
        raise exception using errcode = 'IL003', message = 'a row''s columns differ from its bytes',
            detail = batch.differs::text;
    end if;
    if batch.leaves_a_gap is not null then
        raise exception using errcode = 'IL004', message = 'versions in a stream have no gaps',
            detail = batch.leaves_a_gap::text;
    end if;
    -- A command's events stand together, all of them, so that its answer can be rebuilt from them: each has a place of
    -- its own behind the first one of its command, and there are as many as the first ones say.
    if batch.strays is not null or batch.of_commands <> batch.events then
        raise exception using errcode = 'IL003', message = 'a command''s events do not stand together',
            detail = coalesce(batch.strays, batch.first)::text;
    end if;
    return null;
end
$$;

-- As before, but whose table it is matters only while a ledger is restored.
create or replace function ledger.check_restore() returns trigger
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    wrong record;
begin
    if not (select m.restoring from ledger.mark as m) then
        return null;
    end if;
    if not pg_has_role(session_user, (select c.relowner from pg_class as c where c.oid = tg_relid), 'MEMBER') then
        raise exception using errcode = 'IL006', message = 'the ledger is being restored';
    end if;
    select ordered.project, ordered.position into wrong
      from (select a.project, a.position,
                   a.position - lag(a.position, 1, coalesce(head.position, 0)) over each as step,
                   a.recorded_at >= lag(a.recorded_at, 1, coalesce(head.recorded_at, a.recorded_at)) over each as later
              from appended as a left join ledger.head as head on head.project = a.project
            window each as (partition by a.project order by a.position)) as ordered
     where ordered.step <> 1 or not ordered.later limit 1;
    if found then
        raise exception using errcode = 'IL001', message = 'a restored log has no gaps and never goes back',
            detail = wrong.project || ' ' || wrong.position;
    end if;
    insert into ledger.head as head (project, position, recorded_at)
    select a.project, max(a.position), max(a.recorded_at) from appended as a group by a.project
    on conflict on constraint head_project
    do update set position = excluded.position, recorded_at = excluded.recorded_at;
    return null;
end
$$;
