"""Recordings in a form, transcribed at once."""
