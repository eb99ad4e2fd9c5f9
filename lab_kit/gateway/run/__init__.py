"""The application with its probes, the gRPC server, and the process from start to drain."""

import os

# before anything imports numpy: a matrix product of the turn judge's would wake threads that go on
# spinning for more of them, and took a seventh of a core from the engine's workers at 24 streams
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
