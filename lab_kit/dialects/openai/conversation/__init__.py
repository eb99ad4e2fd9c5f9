"""The Realtime API as a conversation: the caller speaks, and is answered."""
