"""The server.

In the order in which its rooms know each other: `observe` (metrics, traces, dead letters),
`versions` (which weights answer), `sandbox` (keys for a single test), `door` (keys, admission,
uploads), `live` (one live stream), `api` (our own resources), `providers` (Deepgram, Google,
OpenAI, Open Inference), `operator` (the operator's API), `run` (the application and its process).
"""
