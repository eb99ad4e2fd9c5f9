"""Keys for a single test: what is done with one is written down, and can be made to fail."""
