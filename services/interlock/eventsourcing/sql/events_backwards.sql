select event.position, event.stream, event.type, event.body
  from ledger.event as event
 where event.project = $1 and event.stream = $2 and event.version > $3 and event.version <= $4
 order by event.version desc
 limit $5
