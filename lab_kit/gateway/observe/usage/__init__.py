"""What callers used, written down before they are told of it."""
