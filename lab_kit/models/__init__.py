"""Models: what they are, where their weights live, and the code that runs them.

``store`` is a room: its catalog names every file with its licence and SHA-256, and what it fetched
it keeps verified. ``moonshine`` and ``whisper`` recognize speech, ``silero`` finds it,
``synthesizer`` speaks; ``device`` chooses where they run, and ``kv_pool`` holds a decoder's keys
and values. Knows nothing of engines, sockets or providers, and importing it loads no runtime.
"""
