"""Who may come in, what they hold, and how they leave."""
