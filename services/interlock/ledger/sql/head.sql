select head.position, head.recorded_at, ledger.ledger_clock() as clock
  from (values ($1::text)) as asked (project)
  left join ledger.head as head on head.project = asked.project
