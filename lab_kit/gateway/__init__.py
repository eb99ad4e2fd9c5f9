"""The server: HTTP API, stream endpoints, health, metrics, and the process they run in."""
