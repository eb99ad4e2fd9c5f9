"""A real Prometheus beside a server: started, asked, and gone with whoever started it."""
