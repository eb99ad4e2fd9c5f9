"""ElevenLabs's API: speech, recordings, and realtime recognition."""
