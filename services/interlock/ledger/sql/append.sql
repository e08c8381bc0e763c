-- One batch: one statement, one transaction, one round trip, one fsync.
with appended as (
    insert into ledger.event
           (project, recorded_at, position, stream, version, type, body, command_id, request_hash, command_events)
    select $1, $2, rows.*
      from unnest($3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bytea[], $8::uuid[], $9::text[], $10::integer[])
           as rows
)
select ledger.ledger_clock()
