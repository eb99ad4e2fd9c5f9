"""How large SmolLM2-135M is, for whoever writes its graph and whoever runs it."""

LAYERS, WIDTH, HEADS, KEPT_HEADS, HEAD_WIDTH = 30, 576, 9, 3, 64
MOST_TOKENS = 512
"""Of a prompt and its answer: 24 MB of keys and values for each conversation."""
KEPT = tuple(f"{kind}.{layer}" for layer in range(LAYERS) for kind in ("key", "value"))
"""What is kept of earlier tokens, as inputs; as outputs each is called ``new`` + its name."""
