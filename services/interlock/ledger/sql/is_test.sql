select mark.test from ledger.mark as mark
