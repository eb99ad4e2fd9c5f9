"""Each provider's routes and methods in its own words, none knowing another."""
