select event.position, event.stream, event.type, event.body
  from ledger.event as event
 where event.project = $1 and event.position >= $2 and event.position <= $3 and event.type = any($5::text[])
 order by event.position
 limit $4
