"""The audit log: what it is told, how it is written, found again, and read."""
