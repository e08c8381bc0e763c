-- Stream by stream through the index on (project, stream, version).
select event.position, event.stream, event.version, event.type, event.recorded_at, event.body
  from unnest($2::text[]) as asked (stream)
  cross join lateral (
      select e.position, e.stream, e.version, e.type, e.recorded_at, e.body from ledger.event as e
       where e.project = $1 and e.stream = asked.stream
       order by e.version) as event
 limit $3
