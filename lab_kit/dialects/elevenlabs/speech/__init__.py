"""Speech over HTTP, with or without the times of its characters."""
