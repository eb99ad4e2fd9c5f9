"""OpenAI's dialect for speech to text: uploads with streamed answers, Realtime transcription."""
