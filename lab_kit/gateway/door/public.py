"""The ways in that ask for no key: they say whether the server is well, and nothing of a caller; or
their address is itself a secret.

Whatever is not listed here goes through the door; a test asks every route and method.
"""

PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Asked by whoever looks after servers: answered beyond the limit of connections, and at once."""
PUBLIC_PATHS = PROBES | {
    "/",
    "/voice.js",
    "/openapi.json",
    "/asyncapi.json",
    "/docs",
    "/docs/v1-to-v2",
    "/docs/{name}",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
}
SIGNED_PATHS = frozenset({"/v2/transcript/{transcript}/redacted-audio/{signed}"})
"""They ask for no key, but for a signature that was given to somebody with one."""
PUBLIC_METHODS = frozenset(
    {
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ServerReady",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    }
)
