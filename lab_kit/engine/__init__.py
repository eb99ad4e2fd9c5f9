"""The engine: many streams' decodes on one device.

``api`` is what the rest of the system sees. ``scheduler`` decides, without a tensor, what runs
next, by the policies in ``batching``, ``fairness`` and ``kv``; ``work`` is what it hands out.
``runner`` and ``whisper_runner`` run it on a model, with drafts from ``drafting``; ``loop`` moves
work between the two on worker threads.
"""
