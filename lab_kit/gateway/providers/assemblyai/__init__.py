"""AssemblyAI: uploads, and transcripts of recordings that are asked for until they are there."""
