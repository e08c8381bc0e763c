-- A command's first row says how many rows follow; they stand together.
select first.command_id, first.request_hash,
       event.position, event.stream, event.version, event.type, event.recorded_at, event.body
  from unnest($2::uuid[]) as asked (command_id)
  join ledger.event as first
    on first.project = $1 and first.command_id = asked.command_id and first.command_id is not null
  join ledger.event as event
    on event.project = $1 and event.position >= first.position
   and event.position < first.position + first.command_events
 order by event.position
