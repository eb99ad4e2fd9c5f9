"""Google's Speech-to-Text over gRPC: streams and recordings, in both versions of its API."""
