"""OpenAI's dialect for speech to text: uploads, streamed answers, Realtime transcription."""
