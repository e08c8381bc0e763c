select event.position, event.stream, event.version, event.type, event.recorded_at, event.body
  from ledger.event as event
 where event.project = $1 and event.stream = $2 and event.version > $3
 order by event.version
 limit $4
