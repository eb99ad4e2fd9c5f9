"""ElevenLabs's words: speech over HTTP and over a WebSocket, recordings, realtime recognition.

Source: ElevenLabs (2025), API reference; as elevenlabs 2.78 sends and reads it.
"""
