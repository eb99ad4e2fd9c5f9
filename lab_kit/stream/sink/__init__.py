"""How results of a live stream leave it: optional steps on their text, and their delivery."""
