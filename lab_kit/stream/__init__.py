"""One live stream: audio in, events out, decodes by the engine in between.

``session`` decides and touches nothing; ``pipeline`` carries out what it decides; results leave
through ``sink``. ``recording`` runs the same session over a whole recording.
"""
