"""Sound as numbers: encodings, files, resampling, voice activity, endpointing, sources.

Nothing here knows a network, a model runtime or a clock of its own.
"""
