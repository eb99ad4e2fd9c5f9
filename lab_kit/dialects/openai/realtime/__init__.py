"""The Realtime API as a transcription session: JSON both ways, audio in it as base64."""
