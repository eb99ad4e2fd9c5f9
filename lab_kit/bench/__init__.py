"""A running server and who talks to it: what notebooks begin with."""

from lab_kit.bench.bench import Bench
from lab_kit.bench.caller import Caller, paced

__all__ = ["Bench", "Caller", "paced"]
