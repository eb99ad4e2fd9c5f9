"""Google's Speech-to-Text over gRPC, version 1 and version 2: the same stream, spelled twice."""
