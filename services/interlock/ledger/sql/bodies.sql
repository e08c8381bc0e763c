select event.body
  from ledger.event as event
 where event.project = $1 and event.position > $2 and event.position <= $3
 order by event.position
 limit $4
