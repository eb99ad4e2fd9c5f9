"""The Open Inference Protocol's doors, over HTTP and over gRPC."""
