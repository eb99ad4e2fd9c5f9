"""Who may come in: keys, admission, limits, and what all uploads have in common."""
