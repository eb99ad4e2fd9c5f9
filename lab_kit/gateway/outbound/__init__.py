"""Requests that the server makes itself, to addresses that callers gave it."""
