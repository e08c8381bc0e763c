-- Both ends of each stream by the index on (project, stream, version): where its versions begin stands in its first body.
select asked.stream, first.body as first, last.version
  from unnest($2::text[]) as asked (stream)
  join ledger.event as first
    on first.project = $1 and first.stream = asked.stream and first.version = 1
  cross join lateral (
      select event.version from ledger.event as event
       where event.project = $1 and event.stream = asked.stream
       order by event.version desc limit 1) as last
