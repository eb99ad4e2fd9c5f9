"""The client's ends of connections: they move messages, and know no provider."""
