"""What outlives the process: ledger files, the journal, the outbox, the tables and their migrations."""
