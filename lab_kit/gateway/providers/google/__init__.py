"""Google: streams, recordings in one message, and recordings transcribed while nobody waits."""
