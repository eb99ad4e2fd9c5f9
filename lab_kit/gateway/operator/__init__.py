"""What an operator may see and change: versions, shadows, the level of service."""
