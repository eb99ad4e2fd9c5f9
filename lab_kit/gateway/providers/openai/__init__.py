"""OpenAI's doors: uploads, and Realtime transcription."""
