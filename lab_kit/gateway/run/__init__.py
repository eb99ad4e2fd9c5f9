"""The application with its probes, the gRPC server, and the process from start to drain."""
