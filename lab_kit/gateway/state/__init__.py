"""What a server keeps beyond a request, and beyond its own end: a folder, and a database in it."""
