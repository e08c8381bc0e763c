select ledger.set_test_clock($1)
