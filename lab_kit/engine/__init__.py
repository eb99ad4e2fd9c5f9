"""The engine: many streams' decodes on one device.

``api`` is what the rest of the system sees. ``scheduler`` decides, without a tensor, what runs
next; ``runner`` runs it on the model; ``loop`` moves work between the two on worker threads.
"""
