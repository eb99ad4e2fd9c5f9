"""Distance and trouble between caller and server: delay, jitter, loss, deafness."""
