select head.project, head.position from ledger.head as head
