"""The ways in that ask for no key: they say whether the server is well, and nothing of a caller.

Whatever is not listed here goes through the door; a test asks every route and method.
"""

PUBLIC_PATHS = frozenset(
    {
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/{name}",
        "/v2/health/live",
        "/v2/health/ready",
    }
)
PUBLIC_METHODS = frozenset(
    {
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ServerReady",
    }
)
