-- Many projects, instants and commands in one statement; the triggers check order, gaps, columns and commands.
insert into ledger.event
       (project, position, stream, version, type, recorded_at, body, command_id, request_hash, command_events)
select rows.*
  from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bytea[], $8::uuid[],
              $9::text[], $10::integer[]) as rows
