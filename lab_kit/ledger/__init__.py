"""The ledger: what was used, once each, in rows that are added and never changed."""
