"""Realtime recognition over a WebSocket."""
