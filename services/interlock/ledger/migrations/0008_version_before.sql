-- The version before is found by equality alone. With `position <` in the same condition, a session that planned this on
-- a small table took the primary key instead, and kept that plan: each row then read the whole project (a batch of 500
-- took 0.9 s at 5,000 events, and 0.03 s now), until statistics came by.

create or replace function ledger.check_rows() returns trigger
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

        if appended_row.version > 1 and (
            select before.position < appended_row.position from ledger.event as before
             where before.project = appended_row.project and before.stream = appended_row.stream
               and before.version = appended_row.version - 1) is not true then
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
