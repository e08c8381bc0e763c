-- What keeps the log a log, whoever writes: order, bytes, time, and that nothing is ever changed.
-- Each refusal has an SQLSTATE of ours, which ledger/errors.py names.

-- 1. Order and time. Lean, because every append runs it: one pass over the batch, one update of head.
create function ledger.check_order() returns trigger
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    CLOCK_TOLERANCE_MS constant integer := 2000;
    mark  record;
    batch record;
begin
    select count(*) as events, min(a.project) as project, max(a.project) as last_project,
           min(a.position) as first, max(a.position) as last, min(a.recorded_at) as at, max(a.recorded_at) as last_at
      into strict batch from appended as a;
    if batch.events = 0 then
        return null;
    end if;
    select m.restoring, coalesce(m.test_clock, clock_timestamp()) as clock into strict mark from ledger.mark as m;
    if mark.restoring then
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
    if abs(extract(epoch from batch.at - mark.clock)) * 1000 > CLOCK_TOLERANCE_MS then
        raise exception using errcode = 'IL002', message = 'the batch is stamped too far from the ledger''s clock',
            detail = mark.clock::text;
    end if;
    perform pg_notify('interlock', batch.project);
    return null;
end
$$;

-- The batch did not follow the head: it is the project's first, or somebody else was faster, or it leaves a gap.
create function ledger.open_project(new_project text, first bigint, last bigint, at timestamptz) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    head record;
begin
    if first = 1 then
        insert into ledger.head (project, position, recorded_at) values (new_project, last, at)
        on conflict on constraint head_project do nothing;
        if found then
            return;
        end if;
    end if;
    select h.position, h.recorded_at into head from ledger.head as h where h.project = new_project;
    if head.position = first - 1 then
        raise exception using errcode = 'IL002', message = 'time never goes back', detail = head.recorded_at::text;
    end if;
    raise exception using errcode = 'IL001', message = 'the batch does not follow the last position',
        detail = coalesce(head.position, 0)::text;
end
$$;

-- 2. Rows: columns, versions in a stream, and commands, in order of position. A restore is checked as strictly.
create function ledger.check_rows() returns trigger
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    appended_row ledger.event;
    doc          jsonb;
    command      text;
    to_come      integer := 0;
    ordinal      integer := 0;
begin
    for appended_row in select * from appended as a order by a.project, a.position loop
        doc := convert_from(appended_row.body, 'UTF8')::jsonb;
        -- A missing field makes the comparison null, which is not true.
        if (doc -> 'project' = to_jsonb(appended_row.project) and doc -> 'position' = to_jsonb(appended_row.position)
            and doc -> 'stream' = to_jsonb(appended_row.stream) and doc -> 'version' = to_jsonb(appended_row.version)
            and doc -> 'type' = to_jsonb(appended_row.type)
            and (doc ->> 'recorded_at')::timestamptz = appended_row.recorded_at and doc ->> 'recorded_at' like '%Z'
            and (appended_row.command_id is null
                 or doc ->> 'command_id' = appended_row.command_id::text
                    and doc ->> 'request_hash' = appended_row.request_hash)) is not true then
            raise exception using errcode = 'IL003', message = 'a row''s columns differ from its bytes',
                detail = appended_row.position::text;
        end if;

        if appended_row.version > 1 and not exists (
            select from ledger.event as before
             where before.project = appended_row.project and before.stream = appended_row.stream
               and before.version = appended_row.version - 1 and before.position < appended_row.position) then
            raise exception using errcode = 'IL004', message = 'versions in a stream have no gaps',
                detail = appended_row.position::text;
        end if;

        -- A command's events stand together, all of them, so that its answer can be rebuilt from them.
        if appended_row.command_id is not null and to_come = 0 then
            command := doc ->> 'command_id';
            to_come := appended_row.command_events;
            ordinal := 0;
        else
            ordinal := ordinal + 1;
        end if;
        if to_come = 0 or (appended_row.command_id is null) <> (ordinal > 0)
           or doc ->> 'command_id' is distinct from command or doc -> 'ordinal' is distinct from to_jsonb(ordinal) then
            raise exception using errcode = 'IL003', message = 'a command''s events do not stand together',
                detail = appended_row.position::text;
        end if;
        to_come := to_come - 1;
    end loop;
    if to_come > 0 then
        raise exception using errcode = 'IL003', message = 'a command''s last events are missing',
            detail = appended_row.position::text;
    end if;
    return null;
end
$$;

-- 3. A restore brings many projects and instants in one statement: order and gaps are checked instead of the clock.
create function ledger.check_restore() returns trigger
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    owner regrole := (select c.relowner from pg_class as c where c.oid = tg_relid);
    wrong record;
begin
    if not (select m.restoring from ledger.mark as m) then
        return null;
    end if;
    if not pg_has_role(session_user, owner, 'MEMBER') then
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

-- They fire in the order of their names.
create trigger event_1_order after insert on ledger.event
    referencing new table as appended for each statement execute function ledger.check_order();
create trigger event_2_restore after insert on ledger.event
    referencing new table as appended for each statement execute function ledger.check_restore();
create trigger event_3_rows after insert on ledger.event
    referencing new table as appended for each statement execute function ledger.check_rows();

create function ledger.refuse_change() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using errcode = 'IL005',
        message = format('%s on %I: what is recorded is never changed', lower(tg_op), tg_table_name);
end
$$;
create trigger event_never_changes before update or delete or truncate on ledger.event
    for each statement execute function ledger.refuse_change();
create trigger evidence_never_changes before update or delete or truncate on ledger.evidence
    for each statement execute function ledger.refuse_change();
create trigger head_never_goes before delete or truncate on ledger.head
    for each statement execute function ledger.refuse_change();
create trigger mark_never_goes before delete or truncate on ledger.mark
    for each statement execute function ledger.refuse_change();

create function ledger.refuse_other_mark() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    if new.test <> old.test then
        raise exception using errcode = 'IL005', message = 'a database is a test database from its creation, or never';
    end if;
    return new;
end
$$;
create trigger mark_stays before update on ledger.mark
    for each row execute function ledger.refuse_other_mark();

-- Also where session_replication_role says `replica`.
alter table ledger.event enable always trigger event_1_order;
alter table ledger.event enable always trigger event_2_restore;
alter table ledger.event enable always trigger event_3_rows;
alter table ledger.event enable always trigger event_never_changes;
alter table ledger.evidence enable always trigger evidence_never_changes;
alter table ledger.head enable always trigger head_never_goes;
alter table ledger.mark enable always trigger mark_never_goes;
alter table ledger.mark enable always trigger mark_stays;

-- A crash between the two leaves a ledger that only its owner can write to, until the restore is ended.
create function ledger.begin_restore() returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from ledger.event) then
        raise exception using errcode = 'IL006', message = 'a restore needs an empty ledger';
    end if;
    update ledger.mark set restoring = true;
end
$$;

create function ledger.end_restore() returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
as $$
    update ledger.mark set restoring = false
$$;
