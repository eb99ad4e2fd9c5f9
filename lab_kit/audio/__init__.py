"""Sound as numbers: encodings, files, resampling, voice activity, endpointing, sources.

Nothing here opens a socket or runs a model. `audio.network` computes what a network does to
packets; a microphone has the one thread, which is PortAudio's.
"""
