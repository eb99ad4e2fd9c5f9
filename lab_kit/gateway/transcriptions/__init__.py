"""Recordings that are transcribed while nobody waits: operations, and what comes of them."""
