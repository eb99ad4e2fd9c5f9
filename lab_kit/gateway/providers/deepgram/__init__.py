"""Deepgram's live door, over a WebSocket and over WebRTC."""
