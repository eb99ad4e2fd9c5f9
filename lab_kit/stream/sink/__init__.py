"""How results leave: optional steps on their text, and, of a live stream, their delivery."""
