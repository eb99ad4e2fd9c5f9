"""Tables in SQLite or PostgreSQL: one SQL, and transactions that are kept whole or not at all."""
