"""Speech over a WebSocket, from texts that come bit by bit."""
