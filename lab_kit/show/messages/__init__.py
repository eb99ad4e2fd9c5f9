"""What a live stream's messages mean, as pictures."""
