"""Streams held with any server in order to judge them."""

from lab_kit.client.judging.recording import DIALECTS, OWN, reading_of, recorded

__all__ = ["DIALECTS", "OWN", "reading_of", "recorded"]
