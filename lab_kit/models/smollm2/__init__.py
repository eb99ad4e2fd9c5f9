"""SmolLM2, the small language model that answers callers: its weights, graph, text and cache."""
