"""Conversations: what is heard on a live stream is answered, and spoken."""
