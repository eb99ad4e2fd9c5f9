"""The application, and the process that it runs in, from start to drain."""
