"""Other ways to serve the same model, to compare with: as people first write it, and LitServe.

Each is a real server process. What they share with ours is the model and its session settings, so
that what differs is the serving.
"""

from lab_kit.experiments.frameworks.framework import Framework
from lab_kit.experiments.frameworks.server import FrameworkCall, FrameworkServer, start

__all__ = ["Framework", "FrameworkCall", "FrameworkServer", "start"]
