"""What a game day took and cost."""
