-- The clock by which every event is stamped and every check is decided.

create function ledger.ledger_clock() returns timestamptz
    language sql volatile parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(mark.test_clock, pg_catalog.clock_timestamp()) from ledger.mark as mark
$$;

-- Once set, the clock of a test database stands still until it is set again, and never goes back.
create function ledger.set_test_clock(at timestamptz) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    known record;
begin
    select mark.test, mark.test_clock into strict known from ledger.mark as mark for update;
    if not known.test then
        raise exception using errcode = 'IL007', message = 'the clock can be set only in a test database';
    end if;
    if at < known.test_clock or exists (select from ledger.head as head where head.recorded_at > at) then
        raise exception using errcode = 'IL008', message = 'the test clock never goes back',
            detail = coalesce(known.test_clock, (select max(head.recorded_at) from ledger.head as head))::text;
    end if;
    update ledger.mark set test_clock = at;
end
$$;

-- The last position recorded by an instant, 0 if none. Positions follow time, so halving finds it without an index.
create function ledger.position_at(asked_project text, at timestamptz) returns bigint
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    by_then bigint := 0;
    later   bigint := 1 + coalesce((select head.position from ledger.head as head
                                    where head.project = asked_project), 0);
    middle  bigint;
begin
    while later - by_then > 1 loop
        middle := (by_then + later) / 2;
        if (select event.recorded_at <= at from ledger.event as event
            where event.project = asked_project and event.position = middle) then
            by_then := middle;
        else
            later := middle;
        end if;
    end loop;
    return by_then;
end
$$;
