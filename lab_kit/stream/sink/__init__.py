"""The way out of a stream: optional steps on a result, and its delivery."""
