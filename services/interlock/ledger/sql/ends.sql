-- Both ends of each stream by the index on (project, stream, version): two rows read, however long the stream is. What
-- its first event says is read only where $3 asks for it.
select asked.stream, first.position as first, case when $3 then first.body end as body, last.version
  from unnest($2::text[]) as asked (stream)
  join ledger.event as first
    on first.project = $1 and first.stream = asked.stream and first.version = 1
  cross join lateral (
      select event.version from ledger.event as event
       where event.project = $1 and event.stream = asked.stream
       order by event.version desc limit 1) as last
