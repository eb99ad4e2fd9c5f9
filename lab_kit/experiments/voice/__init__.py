"""Conversations with the voice agent: turns and their answers, and callers who break in."""

from lab_kit.experiments.voice.breaking_in import break_in
from lab_kit.experiments.voice.talking import TURNS, talk

__all__ = ["TURNS", "break_in", "talk"]
