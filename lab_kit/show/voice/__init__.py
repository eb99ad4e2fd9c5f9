"""Pictures of conversations with the voice agent."""
