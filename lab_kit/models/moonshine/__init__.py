"""Moonshine, the default recognizer: its graph as published and as rewritten."""
